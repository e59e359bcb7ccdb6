-- A small world in which everything holds: a creator sells in an organization and alone, a
-- buyer has bought, has been refunded, and has paid twice for one item.
-- Ids end in a digit of what they name: a user has none, c content, d media, e purchase and
-- payment, a grant, b checkout, f command.

INSERT INTO users (id, name, email, version) VALUES
    ('creator', 'C', 'c@example.com', 1),
    ('buyer', 'B', 'b@example.com', 1);
INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES
    ('s1', sha256('token'), 'buyer', now() + interval '1 day');
INSERT INTO organizations (id, name, slug, version) VALUES ('00000000-0000-0000-0000-000000000001', 'O', 'o', 1);
INSERT INTO organization_memberships (organization_id, user_id, role) VALUES ('00000000-0000-0000-0000-000000000001', 'creator', 'owner');

INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, duration_seconds,
                         hls_master_playlist_key, version) VALUES
    ('00000000-0000-0000-0000-0000000000d1', 'creator', 'M', 'audio', 'ready', 'original', 1, 'creator/hls/master.m3u8', 4);
INSERT INTO chaos.objects VALUES ('creator/hls/master.m3u8');

INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, content_type, access_type,
                     price_cents, status, published_at, version) VALUES
    ('00000000-0000-0000-0000-0000000000c1', 'creator', '00000000-0000-0000-0000-000000000001', NULL, 'One', 'one', 'written', 'paid', 2999, 'published', now(), 2),
    ('00000000-0000-0000-0000-0000000000c2', 'creator', NULL, '00000000-0000-0000-0000-0000000000d1', 'Two', 'two', 'audio', 'paid', 1999, 'published', now(), 2),
    ('00000000-0000-0000-0000-0000000000c3', 'creator', NULL, NULL, 'Three', 'three', 'written', 'free', NULL, 'draft', NULL, 1);
INSERT INTO content_stats (content_id, creator_id, content_type, access_type, status)
SELECT id, creator_id, content_type, access_type, status FROM content;

-- The buyer owns the first item, paid twice for it, and was refunded the second one.
INSERT INTO checkouts (id, customer_id, content_id, organization_id, creator_id, amount_cents, currency,
                       platform_bps, organization_bps, success_url, cancel_url, status, stripe_session_id,
                       expires_at, version) VALUES
    ('00000000-0000-0000-0000-0000000000b1', 'buyer', '00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000001', 'creator', 2999, 'gbp', 1000, 1000, '', '', 'completed', 'cs_1', now(), 1),
    ('00000000-0000-0000-0000-0000000000b2', 'buyer', '00000000-0000-0000-0000-0000000000c2', NULL, 'creator', 1999, 'gbp', 1000, 1000, '', '', 'completed', 'cs_2', now(), 1),
    ('00000000-0000-0000-0000-0000000000b3', 'buyer', '00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000001', 'creator', 2999, 'gbp', 1000, 1000, '', '', 'completed', 'cs_3', now(), 1),
    ('00000000-0000-0000-0000-0000000000b4', 'buyer', '00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000001', 'creator', 2999, 'gbp', 1000, 1000, '', '', 'expired', 'cs_4', now(), 1);
INSERT INTO chaos.sessions (id, payment, amount, currency, reference, intent) VALUES
    ('cs_1', 'paid', 2999, 'gbp', '00000000-0000-0000-0000-0000000000b1', 'pi_1'),
    ('cs_2', 'paid', 1999, 'gbp', '00000000-0000-0000-0000-0000000000b2', 'pi_2'),
    ('cs_3', 'paid', 2999, 'gbp', '00000000-0000-0000-0000-0000000000b3', 'pi_3'),
    ('cs_4', 'unpaid', 2999, 'gbp', '00000000-0000-0000-0000-0000000000b4', '');
INSERT INTO payments (payment_intent, purchase_id, paid_at, outcome, amount_cents, refunded_cents, version) VALUES
    ('pi_1', '00000000-0000-0000-0000-0000000000e1', now(), 'purchase', 2999, 0, 1),
    ('pi_2', '00000000-0000-0000-0000-0000000000e2', now(), 'purchase', 1999, 1999, 2),
    ('pi_3', '00000000-0000-0000-0000-0000000000e3', now(), 'duplicate', 2999, 2999, 2);
INSERT INTO purchases (id, customer_id, content_id, organization_id, checkout_id, amount_paid_cents, platform_fee_cents,
                       organization_fee_cents, creator_payout_cents, stripe_payment_intent_id, status,
                       refund_amount_cents) VALUES
    ('00000000-0000-0000-0000-0000000000e1', 'buyer', '00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000b1', 2999, 300, 270, 2429, 'pi_1', 'completed', NULL),
    ('00000000-0000-0000-0000-0000000000e2', 'buyer', '00000000-0000-0000-0000-0000000000c2', NULL, '00000000-0000-0000-0000-0000000000b2', 1999, 200, 0, 1799, 'pi_2', 'refunded', 1999);
INSERT INTO refund_obligations (purchase_id, payment_intent, amount_cents, currency, reason, paid_at) VALUES
    ('00000000-0000-0000-0000-0000000000e3', 'pi_3', 2999, 'gbp', 'duplicate', now());
INSERT INTO chaos.refunds (id, intent, amount, status) VALUES
    ('re_2', 'pi_2', 1999, 'succeeded'),
    ('re_3', 'pi_3', 2999, 'succeeded');
INSERT INTO stripe_events (event_id, type, created, payload, processed_at) VALUES
    ('evt_1', 'checkout.session.completed', now(), '', now());
INSERT INTO chaos.deliveries (event_id, endpoint, status) VALUES ('evt_1', 'booking', 'delivered');

INSERT INTO content_access (id, user_id, content_id, access_type, source_id, deleted_at, version) VALUES
    ('00000000-0000-0000-0000-0000000000a1', 'buyer', '00000000-0000-0000-0000-0000000000c1', 'purchased', '00000000-0000-0000-0000-0000000000e1', NULL, 1),
    ('00000000-0000-0000-0000-0000000000a2', 'buyer', '00000000-0000-0000-0000-0000000000c2', 'purchased', '00000000-0000-0000-0000-0000000000e2', now() - interval '1 minute', 2);
INSERT INTO library_entries (user_id, content_id, granted, recent, title, seconds, content_type) VALUES
    ('buyer', '00000000-0000-0000-0000-0000000000c1', true, now(), 'One', 0, 'written'),
    ('buyer', '00000000-0000-0000-0000-0000000000c2', false, now(), 'Two', 1, 'audio');
INSERT INTO video_playback (id, user_id, content_id, position_seconds, duration_seconds, completed, version) VALUES
    ('00000000-0000-0000-0000-000000000009', 'buyer', '00000000-0000-0000-0000-0000000000c1', 960, 1000, true, 2);

INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, finished_at) VALUES
    ('00000000-0000-0000-0000-0000000000f1', 'creator', 'content.create', '', 'applied', 201, now()),
    ('00000000-0000-0000-0000-0000000000f2', 'buyer', 'playback.record', '', 'applied', 204, now()),
    ('00000000-0000-0000-0000-0000000000f3', 'buyer', 'content.create', '', 'rejected', 404, now());

-- The events, each caused by a command of its own unless it names one.
INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id, data,
                    occurred_at, published_at)
SELECT current_date, gen_random_uuid(), type, 't', aggregate, version, coalesce(cause, gen_random_uuid()::text),
       '', '', data::json, now(), now()
FROM (VALUES
    ('user.registered', 'creator', 1, NULL, '{}'),
    ('user.registered', 'buyer', 1, NULL, '{}'),
    ('organization.created', '00000000-0000-0000-0000-000000000001', 1, NULL, '{}'),
    ('media.registered', '00000000-0000-0000-0000-0000000000d1', 1, NULL, '{}'),
    ('media.uploaded', '00000000-0000-0000-0000-0000000000d1', 2, NULL, '{}'),
    ('media.transcoding_started', '00000000-0000-0000-0000-0000000000d1', 3, NULL, '{"attempt": 1}'),
    ('media.ready', '00000000-0000-0000-0000-0000000000d1', 4, NULL, '{}'),
    ('content.created', '00000000-0000-0000-0000-0000000000c1', 1, '00000000-0000-0000-0000-0000000000f1', '{}'),
    ('content.published', '00000000-0000-0000-0000-0000000000c1', 2, NULL, '{}'),
    ('content.created', '00000000-0000-0000-0000-0000000000c2', 1, NULL, '{}'),
    ('content.published', '00000000-0000-0000-0000-0000000000c2', 2, NULL, '{}'),
    ('content.created', '00000000-0000-0000-0000-0000000000c3', 1, NULL, '{}'),
    ('checkout.started', '00000000-0000-0000-0000-0000000000b1', 1, NULL, '{}'),
    ('checkout.started', '00000000-0000-0000-0000-0000000000b2', 1, NULL, '{}'),
    ('checkout.started', '00000000-0000-0000-0000-0000000000b3', 1, NULL, '{}'),
    ('checkout.started', '00000000-0000-0000-0000-0000000000b4', 1, NULL, '{}'),
    ('purchase.completed', '00000000-0000-0000-0000-0000000000e1', 1, NULL, '{}'),
    ('purchase.completed', '00000000-0000-0000-0000-0000000000e2', 1, NULL, '{}'),
    ('purchase.refunded', '00000000-0000-0000-0000-0000000000e2', 2, NULL, '{"full": true, "access": "ended"}'),
    ('purchase.duplicate_detected', '00000000-0000-0000-0000-0000000000e3', 1, NULL, '{}'),
    ('purchase.refunded', '00000000-0000-0000-0000-0000000000e3', 2, NULL, '{"full": true}'),
    ('access.granted', '00000000-0000-0000-0000-0000000000a1', 1, NULL, '{}'),
    ('access.granted', '00000000-0000-0000-0000-0000000000a2', 1, NULL, '{}'),
    ('access.revoked', '00000000-0000-0000-0000-0000000000a2', 2, NULL, '{}'),
    ('playback.started', '00000000-0000-0000-0000-000000000009', 1, '00000000-0000-0000-0000-0000000000f2', '{}'),
    ('playback.completed', '00000000-0000-0000-0000-000000000009', 2, '00000000-0000-0000-0000-0000000000f2', '{}')
) AS e (type, aggregate, version, cause, data);
INSERT INTO reaction_inbox (reaction, event_id, causation_id)
SELECT 'access', event_id, causation_id FROM outbox WHERE type LIKE 'purchase.%';
-- Every event twice, as after a relay that was killed before it had marked them.
INSERT INTO chaos.messages (sequence, event_id, aggregate_id, version, digest)
SELECT row_number() OVER (ORDER BY copy, position), event_id, aggregate_id, version,
       encode(sha256(convert_to(data::text, 'UTF8')), 'hex')
FROM outbox, generate_series(1, 2) copy;
INSERT INTO chaos.consumers (name, pending, unacked) VALUES ('access', 0, 0);

INSERT INTO chaos.requests (operation, kind, actor, key, command, payload, subject, started_at, ended_at, status,
                            resource, value) VALUES
    -- The first answer was lost, and the client sent the same key again.
    ('00000000-0000-0000-0000-000000000011', 'create', 'creator', 'k1', '00000000-0000-0000-0000-0000000000f1', 'p1', 'one', now(), now(), 0, '', 0),
    ('00000000-0000-0000-0000-000000000011', 'create', 'creator', 'k1', '00000000-0000-0000-0000-0000000000f1', 'p1', 'one', now(), now(), 201, '00000000-0000-0000-0000-0000000000c1', 0),
    ('00000000-0000-0000-0000-000000000012', 'reused', 'creator', 'k1', '00000000-0000-0000-0000-0000000000f1', 'p2', 'other', now(), now(), 422, '', 0),
    ('00000000-0000-0000-0000-000000000013', 'foreign', 'buyer', 'k3', '00000000-0000-0000-0000-0000000000f3', 'p3', '00000000-0000-0000-0000-0000000000c1', now(), now(), 404, '', 0),
    ('00000000-0000-0000-0000-000000000014', 'malformed', 'creator', 'k4', '00000000-0000-0000-0000-0000000000f4', 'p4', '', now(), now(), 400, '', 0),
    ('00000000-0000-0000-0000-000000000015', 'decision', 'buyer', '', NULL, 'p5', '00000000-0000-0000-0000-0000000000c1', now(), now(), 200, '', 1),
    ('00000000-0000-0000-0000-000000000016', 'decision', 'buyer', '', NULL, 'p6', '00000000-0000-0000-0000-0000000000c2', now(), now(), 200, '', 0),
    ('00000000-0000-0000-0000-000000000017', 'decision', 'buyer', '', NULL, 'p6', '00000000-0000-0000-0000-0000000000c2', now() - interval '2 minutes', now(), 200, '', 1),
    ('00000000-0000-0000-0000-000000000018', 'progress', 'buyer', 'k5', '00000000-0000-0000-0000-0000000000f2', 'p7', '00000000-0000-0000-0000-0000000000c1', now() - interval '3 seconds',
     now() - interval '2 seconds', 204, '', 960),
    ('00000000-0000-0000-0000-000000000019', 'watched', 'buyer', '', NULL, 'p8', '00000000-0000-0000-0000-0000000000c1', now() - interval '1 second', now(), 200, '', 960);
