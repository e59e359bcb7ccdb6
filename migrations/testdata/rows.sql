-- Some rows of every context, for testdata/baseline.sql.
INSERT INTO users (id, name, email, email_verified, role, username) VALUES
    ('creator1', 'Ada', 'ada@example.test', true, 'creator', 'ada'), ('buyer1', 'Ben', 'ben@example.test', true, 'customer', NULL);
INSERT INTO accounts (id, account_id, provider_id, user_id, password) VALUES ('a1', 'creator1', 'credential', 'creator1', '$argon2id$');
INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ('s1', sha256('one'), 'creator1', '2030-01-01 00:00Z');
INSERT INTO verification (id, purpose, identifier, value, expires_at)
    VALUES ('v1', 'email', 'ben@example.test', sha256('two'), '2030-01-01 00:00Z');
INSERT INTO mails (id, template, recipient, user_id, source_id, subject, text_body, html_body)
    VALUES ('018f0000-0000-7000-8000-000000000001', 'verify', 'ben@example.test', 'buyer1', 'v1', 'Verify', 'text', '<p>text</p>');
INSERT INTO organizations (id, name, slug) VALUES ('018f0000-0000-7000-8000-0000000000a1', 'Studio', 'studio');
INSERT INTO organization_memberships (organization_id, user_id, role, joined_at)
    VALUES ('018f0000-0000-7000-8000-0000000000a1', 'creator1', 'owner', '2026-01-01 00:00Z');
INSERT INTO stripe_connect_accounts (user_id, stripe_account_id, status, charges_enabled, payouts_enabled)
    VALUES ('creator1', 'acct_1', 'active', true, true);
INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key, thumbnail_key, duration_seconds, uploaded_at)
    VALUES ('018f0000-0000-7000-8000-0000000000b1', 'creator1', 'Take', 'video', 'ready', 'o/1', 'h/1', 't/1', 90, '2026-01-02 00:00Z');
INSERT INTO media_uploads (id, media_item_id, r2_key, size_bytes, part_size, part_count, status, created_at, expires_at)
    VALUES ('018f0000-0000-7000-8000-0000000000b2', '018f0000-0000-7000-8000-0000000000b1', 'o/1', 5242880, 5242880, 1, 'completed', now(), now());
INSERT INTO images (id, kind, owner_id, prefix, address, mime_type, size_bytes, digest, created_at, due_at)
    VALUES ('018f0000-0000-7000-8000-0000000000b3', 'avatar', 'creator1', 'images/1/', '/assets/1', 'image/png', 10, 'd', now(), now());
INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, description, content_type, category, category_slug,
    access_type, price_cents, status, published_at, version)
    VALUES ('018f0000-0000-7000-8000-0000000000c1', 'creator1', '018f0000-0000-7000-8000-0000000000a1',
        '018f0000-0000-7000-8000-0000000000b1', 'A film', 'a-film', 'About trains', 'video', 'Trains', 'trains', 'paid', 999,
        'published', '2026-01-03 00:00Z', 2);
INSERT INTO content_stats (content_id, view_count, purchase_count, creator_id, organization_id, content_type, access_type, status, published_at)
    VALUES ('018f0000-0000-7000-8000-0000000000c1', 3, 1, 'creator1', '018f0000-0000-7000-8000-0000000000a1', 'video', 'paid', 'published',
        '2026-01-03 00:00Z');
INSERT INTO categories (id, organization_id, creator_id, name, slug)
    VALUES ('018f0000-0000-7000-8000-0000000000c2', '018f0000-0000-7000-8000-0000000000a1', 'creator1', 'Trains', 'trains');
INSERT INTO content_categories (content_id, category_id)
    VALUES ('018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000c2');
INSERT INTO checkouts (id, customer_id, content_id, organization_id, creator_id, amount_cents, currency, platform_bps, organization_bps,
    success_url, cancel_url, status, expires_at)
    VALUES ('018f0000-0000-7000-8000-0000000000d1', 'buyer1', '018f0000-0000-7000-8000-0000000000c1',
        '018f0000-0000-7000-8000-0000000000a1', 'creator1', 999, 'gbp', 1000, 0, 'https://example.test/', 'https://example.test/',
        'completed', '2026-01-04 00:00Z');
INSERT INTO stripe_events (event_id, type, created, payload, processed_at, result)
    VALUES ('evt_1', 'checkout.session.completed', now(), '{}', now(), 'applied');
INSERT INTO payments (payment_intent, purchase_id, paid_at, outcome, customer_id, content_id, amount_cents, currency, version)
    VALUES ('pi_1', '018f0000-0000-7000-8000-0000000000d2', now(), 'purchase', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', 999, 'gbp', 1);
INSERT INTO purchases (id, customer_id, content_id, organization_id, checkout_id, amount_paid_cents, platform_fee_cents, creator_payout_cents,
    stripe_payment_intent_id, status, purchased_at)
    VALUES ('018f0000-0000-7000-8000-0000000000d2', 'buyer1', '018f0000-0000-7000-8000-0000000000c1',
        '018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-0000000000d1', 999, 99, 900, 'pi_1', 'completed', '2026-01-04 00:00Z');
INSERT INTO content_access (user_id, content_id, organization_id, access_type, source_id)
    VALUES ('buyer1', '018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000a1', 'purchased',
        '018f0000-0000-7000-8000-0000000000d2');
INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds)
    VALUES ('buyer1', '018f0000-0000-7000-8000-0000000000c1', 10, 90);
INSERT INTO library_entries (user_id, content_id, granted, recent, progress, organization_id, title, seconds, content_type, access_type)
    VALUES ('buyer1', '018f0000-0000-7000-8000-0000000000c1', true, '2026-01-04 00:00Z', 'in_progress',
        '018f0000-0000-7000-8000-0000000000a1', 'A film', 90, 'video', 'paid');
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, finished_at)
    VALUES ('018f0000-0000-7000-8000-0000000000e1', 'creator1', 'content.create', 'h', 'applied', 201, now());
INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id, data, occurred_at, published_at)
    VALUES ('2026-01-03', '018f0000-0000-7000-8000-0000000000e2', 'content.created', '018f0000-0000-7000-8000-0000000000a1',
        '018f0000-0000-7000-8000-0000000000c1', 1, '018f0000-0000-7000-8000-0000000000e1', '018f0000-0000-7000-8000-0000000000e1',
        'creator1', '{}', '2026-01-03 00:00Z', '2026-01-03 00:00Z');
INSERT INTO reaction_inbox (reaction, event_id, causation_id)
    VALUES ('access', '018f0000-0000-7000-8000-0000000000e2', '018f0000-0000-7000-8000-0000000000e1');
INSERT INTO dead_letters (consumer, message_id, type, body, error, attempts) VALUES ('reaction-x', 'm1', 'content.created', '{}', 'failed', 5);
