UPDATE chaos.messages SET sequence = 100 - sequence WHERE aggregate_id = '00000000-0000-0000-0000-0000000000c1';
