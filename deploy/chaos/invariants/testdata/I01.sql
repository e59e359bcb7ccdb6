UPDATE chaos.sessions SET payment = 'paid', intent = 'pi_4' WHERE id = 'cs_4';
-- or
DELETE FROM refund_obligations;
