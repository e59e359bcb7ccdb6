UPDATE refund_obligations SET paid_at = NULL;
-- or
DELETE FROM chaos.refunds WHERE intent = 'pi_3';
