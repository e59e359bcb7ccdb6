UPDATE purchases SET platform_fee_cents = 299, creator_payout_cents = 2430 WHERE id = '00000000-0000-0000-0000-0000000000e1';
