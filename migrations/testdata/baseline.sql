--
-- PostgreSQL database dump
--

\restrict 6S1cQq2b7SWOMitQO1BZ7YKgciP47caGopy7XhVKq8p2jc70aXzc9cFgTUMBpUT

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: pg_trgm; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;


--
-- Name: EXTENSION pg_trgm; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';


--
-- Name: outbox_prepare(date, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.outbox_prepare(from_day date, days integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    d date;
BEGIN
    FOR i IN 0 .. days - 1 LOOP
        d := from_day + i;
        IF to_regclass('outbox_' || to_char(d, 'YYYYMMDD')) IS NULL
           AND NOT EXISTS (SELECT 1 FROM outbox_default WHERE day = d) THEN
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L) '
                || 'WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)',
                'outbox_' || to_char(d, 'YYYYMMDD'), d, d + 1);
        END IF;
    END LOOP;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accounts (
    id text NOT NULL,
    account_id text NOT NULL,
    provider_id text NOT NULL,
    user_id text NOT NULL,
    password text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: categories; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.categories (
    id uuid NOT NULL,
    organization_id uuid,
    creator_id text NOT NULL,
    name character varying(100) NOT NULL,
    slug character varying(120) NOT NULL,
    description character varying(500),
    icon character varying(64),
    cover_image_key character varying(500),
    sort_order integer DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone
);


--
-- Name: checkouts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.checkouts (
    id uuid NOT NULL,
    customer_id text NOT NULL,
    content_id uuid NOT NULL,
    organization_id uuid,
    creator_id text NOT NULL,
    amount_cents integer NOT NULL,
    currency character varying(3) NOT NULL,
    platform_bps integer NOT NULL,
    organization_bps integer NOT NULL,
    success_url text NOT NULL,
    cancel_url text NOT NULL,
    product_name text DEFAULT ''::text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    status character varying(20) NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    stripe_session_id character varying(255),
    session_url text,
    expires_at timestamp with time zone NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT checkouts_amount_cents_check CHECK ((amount_cents > 0)),
    CONSTRAINT checkouts_organization_bps_check CHECK (((organization_bps >= 0) AND (organization_bps <= 10000))),
    CONSTRAINT checkouts_platform_bps_check CHECK (((platform_bps >= 0) AND (platform_bps <= 10000))),
    CONSTRAINT checkouts_status_check CHECK (((status)::text = ANY ((ARRAY['creating'::character varying, 'open'::character varying, 'expiring'::character varying, 'completed'::character varying, 'expired'::character varying, 'failed'::character varying])::text[])))
);


--
-- Name: commands; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.commands (
    id uuid NOT NULL,
    actor_id text NOT NULL,
    type text NOT NULL,
    payload_hash text NOT NULL,
    status text NOT NULL,
    envelope json,
    response_status integer,
    response_body json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    swept_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT commands_check CHECK (((status = 'accepted'::text) = (finished_at IS NULL))),
    CONSTRAINT commands_check1 CHECK (((status <> 'accepted'::text) OR (envelope IS NOT NULL))),
    CONSTRAINT commands_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'applied'::text, 'rejected'::text])))
)
WITH (fillfactor='90');


--
-- Name: content; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.content (
    id uuid NOT NULL,
    creator_id text NOT NULL,
    organization_id uuid,
    media_item_id uuid,
    title character varying(500) NOT NULL,
    slug character varying(500) NOT NULL,
    description text,
    thumbnail_url text,
    content_body text,
    content_body_json jsonb,
    content_type character varying(50) NOT NULL,
    category character varying(100),
    category_slug character varying(120),
    tags jsonb DEFAULT '[]'::jsonb NOT NULL,
    access_type character varying(50) DEFAULT 'free'::character varying NOT NULL,
    visibility character varying(50),
    price_cents integer,
    minimum_tier_id uuid,
    shader_preset character varying(50),
    shader_config jsonb,
    status character varying(50) DEFAULT 'draft'::character varying NOT NULL,
    published_at timestamp with time zone,
    featured boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    slug_scope text GENERATED ALWAYS AS (
CASE
    WHEN (deleted_at IS NULL) THEN COALESCE((organization_id)::text, creator_id)
    ELSE NULL::text
END) STORED,
    CONSTRAINT content_access_type_check CHECK (((access_type)::text = ANY ((ARRAY['free'::character varying, 'paid'::character varying, 'followers'::character varying, 'subscribers'::character varying, 'team'::character varying, 'members'::character varying, 'private'::character varying])::text[]))),
    CONSTRAINT content_check CHECK ((((access_type)::text <> 'paid'::text) OR (price_cents > 0))),
    CONSTRAINT content_check1 CHECK ((((access_type)::text <> 'free'::text) OR (COALESCE(price_cents, 0) = 0))),
    CONSTRAINT content_content_type_check CHECK (((content_type)::text = ANY ((ARRAY['video'::character varying, 'audio'::character varying, 'written'::character varying])::text[]))),
    CONSTRAINT content_price_cents_check CHECK ((price_cents >= 0)),
    CONSTRAINT content_slug_check CHECK (((slug)::text ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT content_status_check CHECK (((status)::text = ANY ((ARRAY['draft'::character varying, 'published'::character varying, 'archived'::character varying])::text[]))),
    CONSTRAINT content_visibility_check CHECK (((visibility)::text = ANY ((ARRAY['public'::character varying, 'private'::character varying, 'members_only'::character varying, 'purchased_only'::character varying])::text[])))
);


--
-- Name: content_access; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.content_access (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id text NOT NULL,
    content_id uuid NOT NULL,
    organization_id uuid,
    access_type character varying(50) NOT NULL,
    source_id text DEFAULT ''::text NOT NULL,
    expires_at timestamp with time zone,
    deleted_at timestamp with time zone,
    revoked_reason text,
    source_version bigint DEFAULT 0 NOT NULL,
    source_event_id uuid,
    source_ended boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT content_access_access_type_check CHECK (((access_type)::text = ANY ((ARRAY['purchased'::character varying, 'subscription'::character varying, 'complimentary'::character varying, 'preview'::character varying])::text[])))
);


--
-- Name: content_categories; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.content_categories (
    content_id uuid NOT NULL,
    category_id uuid NOT NULL
);


--
-- Name: content_stats; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.content_stats (
    content_id uuid NOT NULL,
    view_count integer DEFAULT 0 NOT NULL,
    purchase_count integer DEFAULT 0 NOT NULL,
    creator_id text NOT NULL,
    organization_id uuid,
    content_type character varying(50) NOT NULL,
    access_type character varying(50) NOT NULL,
    status character varying(50) NOT NULL,
    published_at timestamp with time zone,
    deleted_at timestamp with time zone
)
WITH (fillfactor='80');


--
-- Name: customer_erasures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.customer_erasures (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    stripe_customer_id text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: dead_letters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dead_letters (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    consumer text NOT NULL,
    message_id text NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone
);


--
-- Name: images; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.images (
    id uuid NOT NULL,
    kind text NOT NULL,
    owner_id text NOT NULL,
    prefix text NOT NULL,
    address text NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL,
    digest text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT images_kind_check CHECK ((kind = ANY (ARRAY['avatar'::text, 'logo'::text, 'thumbnail'::text]))),
    CONSTRAINT images_prefix_check CHECK ((prefix ~~ '%/'::text)),
    CONSTRAINT images_size_bytes_check CHECK ((size_bytes > 0)),
    CONSTRAINT images_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'attached'::text, 'sweeping'::text])))
);


--
-- Name: library_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.library_entries (
    user_id text NOT NULL,
    content_id uuid NOT NULL,
    granted boolean NOT NULL,
    expires_at timestamp with time zone,
    recent timestamp with time zone NOT NULL,
    progress text DEFAULT 'not_started'::text NOT NULL,
    organization_id uuid,
    title text NOT NULL,
    seconds integer NOT NULL,
    content_type text NOT NULL,
    access_type text,
    CONSTRAINT library_entries_progress_check CHECK ((progress = ANY (ARRAY['not_started'::text, 'in_progress'::text, 'completed'::text])))
);


--
-- Name: mails; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mails (
    id uuid NOT NULL,
    template text NOT NULL,
    recipient text NOT NULL,
    user_id text,
    source_id text NOT NULL,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    error text,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    CONSTRAINT mails_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sent'::text, 'failed'::text])))
);


--
-- Name: media_items; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media_items (
    id uuid NOT NULL,
    creator_id text NOT NULL,
    title character varying(255) NOT NULL,
    description text,
    media_type character varying(50) NOT NULL,
    status character varying(50) DEFAULT 'uploading'::character varying NOT NULL,
    r2_key character varying(500) NOT NULL,
    file_size_bytes bigint,
    mime_type character varying(100),
    etag text,
    duration_seconds integer,
    width integer,
    height integer,
    hls_master_playlist_key character varying(500),
    hls_preview_key character varying(500),
    thumbnail_key character varying(500),
    waveform_key character varying(500),
    waveform_image_key character varying(500),
    mezzanine_key character varying(500),
    runpod_job_id character varying(255),
    transcoding_error character varying(2000),
    transcoding_error_code character varying(64),
    transcoding_attempts integer DEFAULT 0 NOT NULL,
    transcoding_priority integer DEFAULT 2 NOT NULL,
    transcoding_progress integer,
    transcoding_step character varying(50),
    transcoding_seen_at timestamp with time zone,
    mezzanine_status character varying(50),
    ready_variants jsonb,
    loudness_integrated integer,
    loudness_peak integer,
    loudness_range integer,
    uploaded_at timestamp with time zone,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT media_items_check CHECK ((((status)::text <> 'ready'::text) OR (hls_master_playlist_key IS NOT NULL))),
    CONSTRAINT media_items_media_type_check CHECK (((media_type)::text = ANY ((ARRAY['video'::character varying, 'audio'::character varying])::text[]))),
    CONSTRAINT media_items_mezzanine_status_check CHECK (((mezzanine_status)::text = ANY ((ARRAY['pending'::character varying, 'processing'::character varying, 'ready'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT media_items_status_check CHECK (((status)::text = ANY ((ARRAY['uploading'::character varying, 'uploaded'::character varying, 'transcoding'::character varying, 'ready'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT media_items_transcoding_attempts_check CHECK (((transcoding_attempts >= 0) AND (transcoding_attempts <= 3))),
    CONSTRAINT media_items_transcoding_priority_check CHECK (((transcoding_priority >= 0) AND (transcoding_priority <= 4))),
    CONSTRAINT media_items_transcoding_progress_check CHECK (((transcoding_progress >= 0) AND (transcoding_progress <= 100)))
);


--
-- Name: media_uploads; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media_uploads (
    id uuid NOT NULL,
    media_item_id uuid NOT NULL,
    r2_key character varying(500) NOT NULL,
    store_id text,
    size_bytes bigint NOT NULL,
    part_size bigint NOT NULL,
    part_count integer NOT NULL,
    status character varying(20) DEFAULT 'open'::character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT media_uploads_part_count_check CHECK (((part_count >= 1) AND (part_count <= 10000))),
    CONSTRAINT media_uploads_part_size_check CHECK ((part_size >= 5242880)),
    CONSTRAINT media_uploads_size_bytes_check CHECK ((size_bytes > 0)),
    CONSTRAINT media_uploads_status_check CHECK (((status)::text = ANY ((ARRAY['open'::character varying, 'completing'::character varying, 'completed'::character varying, 'aborted'::character varying])::text[])))
);


--
-- Name: organization_memberships; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.organization_memberships (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    user_id text NOT NULL,
    role character varying(50) DEFAULT 'member'::character varying NOT NULL,
    status character varying(50) DEFAULT 'active'::character varying NOT NULL,
    invited_by text,
    joined_at timestamp with time zone,
    invited_at timestamp with time zone,
    invitation_expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT organization_memberships_role_check CHECK (((role)::text = ANY ((ARRAY['owner'::character varying, 'admin'::character varying, 'creator'::character varying, 'subscriber'::character varying, 'member'::character varying])::text[]))),
    CONSTRAINT organization_memberships_status_check CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'inactive'::character varying, 'invited'::character varying])::text[])))
);


--
-- Name: organizations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.organizations (
    id uuid NOT NULL,
    name character varying(255) NOT NULL,
    slug character varying(255) NOT NULL,
    description text,
    logo_url text,
    website_url text,
    primary_connect_account_user_id text,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT organizations_slug_check CHECK (((slug)::text ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text))
);


--
-- Name: orphan_cleanups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orphan_cleanups (
    id uuid NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    scanned bigint DEFAULT 0 NOT NULL,
    orphans bigint DEFAULT 0 NOT NULL,
    removed bigint DEFAULT 0 NOT NULL,
    removed_bytes bigint DEFAULT 0 NOT NULL,
    aborted_uploads bigint DEFAULT 0 NOT NULL,
    failed boolean DEFAULT false NOT NULL,
    complete boolean DEFAULT false NOT NULL,
    next_bucket text,
    next_key text
);


--
-- Name: outbox_position; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.outbox_position
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
PARTITION BY RANGE (day);


--
-- Name: outbox_20261128; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261128 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261129; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261129 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261130; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261130 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261201; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261201 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261202; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261202 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261203; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261203 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261204; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261204 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261205; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261205 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_20261206; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_20261206 (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01');


--
-- Name: outbox_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox_default (
    "position" bigint DEFAULT nextval('public.outbox_position'::regclass) NOT NULL,
    day date NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    tenant text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    causation_id text NOT NULL,
    correlation_id text NOT NULL,
    actor_id text NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    data json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    CONSTRAINT outbox_version_check CHECK ((version > 0))
);


--
-- Name: payments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.payments (
    payment_intent text NOT NULL,
    purchase_id uuid NOT NULL,
    paid_at timestamp with time zone,
    outcome text,
    customer_id text,
    content_id uuid,
    amount_cents integer,
    currency character varying(3),
    refunded_cents integer DEFAULT 0 NOT NULL,
    refunded_at timestamp with time zone,
    refund_id text,
    refund_reason text,
    dispute_id text,
    dispute_reason text,
    disputed_at timestamp with time zone,
    dispute_closed_at timestamp with time zone,
    dispute_status text,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT payments_amount_cents_check CHECK ((amount_cents >= 0)),
    CONSTRAINT payments_check CHECK (((paid_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT payments_dispute_status_check CHECK ((dispute_status = ANY (ARRAY['open'::text, 'won'::text, 'lost'::text]))),
    CONSTRAINT payments_outcome_check CHECK ((outcome = ANY (ARRAY['purchase'::text, 'duplicate'::text, 'amount_mismatch'::text, 'unfulfillable'::text]))),
    CONSTRAINT payments_refunded_cents_check CHECK ((refunded_cents >= 0))
);


--
-- Name: purchases; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.purchases (
    id uuid NOT NULL,
    customer_id text NOT NULL,
    content_id uuid NOT NULL,
    organization_id uuid,
    checkout_id uuid,
    amount_paid_cents integer NOT NULL,
    currency character varying(3) DEFAULT 'gbp'::character varying NOT NULL,
    platform_fee_cents integer DEFAULT 0 NOT NULL,
    organization_fee_cents integer DEFAULT 0 NOT NULL,
    creator_payout_cents integer DEFAULT 0 NOT NULL,
    platform_agreement_id uuid,
    creator_org_agreement_id uuid,
    stripe_payment_intent_id character varying(255) NOT NULL,
    status character varying(50) NOT NULL,
    purchased_at timestamp with time zone,
    refunded_at timestamp with time zone,
    disputed_at timestamp with time zone,
    refund_reason text,
    refund_amount_cents integer,
    stripe_refund_id text,
    dispute_reason text,
    stripe_dispute_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT purchases_amount_paid_cents_check CHECK ((amount_paid_cents >= 0)),
    CONSTRAINT purchases_check CHECK (((refund_amount_cents >= 0) AND (refund_amount_cents <= amount_paid_cents))),
    CONSTRAINT purchases_check1 CHECK ((((platform_fee_cents + organization_fee_cents) + creator_payout_cents) = amount_paid_cents)),
    CONSTRAINT purchases_check2 CHECK (((organization_id IS NOT NULL) OR (organization_fee_cents = 0))),
    CONSTRAINT purchases_creator_payout_cents_check CHECK ((creator_payout_cents >= 0)),
    CONSTRAINT purchases_organization_fee_cents_check CHECK ((organization_fee_cents >= 0)),
    CONSTRAINT purchases_platform_fee_cents_check CHECK ((platform_fee_cents >= 0)),
    CONSTRAINT purchases_status_check CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'completed'::character varying, 'partially_refunded'::character varying, 'refunded'::character varying, 'failed'::character varying])::text[])))
);


--
-- Name: rate_leases; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rate_leases (
    key bytea NOT NULL,
    used integer NOT NULL,
    granted integer NOT NULL,
    resets_at timestamp with time zone NOT NULL,
    CONSTRAINT rate_leases_check CHECK (((granted >= 0) AND (granted <= used))),
    CONSTRAINT rate_leases_used_check CHECK ((used > 0))
)
WITH (fillfactor='50');


--
-- Name: rate_limits; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rate_limits (
    key text NOT NULL,
    hits integer NOT NULL,
    resets_at timestamp with time zone NOT NULL,
    CONSTRAINT rate_limits_hits_check CHECK ((hits > 0))
)
WITH (fillfactor='70');


--
-- Name: reaction_inbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reaction_inbox (
    reaction text NOT NULL,
    event_id uuid NOT NULL,
    causation_id text NOT NULL,
    handled_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: refund_obligations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refund_obligations (
    purchase_id uuid NOT NULL,
    payment_intent text NOT NULL,
    amount_cents integer NOT NULL,
    currency character varying(3) NOT NULL,
    reason text NOT NULL,
    stripe_refund_id text,
    key_number integer DEFAULT 1 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    paid_at timestamp with time zone,
    CONSTRAINT refund_obligations_amount_cents_check CHECK ((amount_cents > 0))
);


--
-- Name: relay_state; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.relay_state (
    singleton boolean DEFAULT true NOT NULL,
    stream_created timestamp with time zone,
    last_sequence bigint DEFAULT 0 NOT NULL,
    CONSTRAINT relay_state_singleton_check CHECK (singleton)
);


--
-- Name: schema_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_versions (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);


--
-- Name: schema_versions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.schema_versions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.schema_versions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id text NOT NULL,
    token_hash bytea NOT NULL,
    user_id text NOT NULL,
    ip_address text,
    user_agent text,
    persistent boolean DEFAULT true NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sessions_token_hash_check CHECK ((octet_length(token_hash) = 32))
);


--
-- Name: stripe_connect_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_connect_accounts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id text NOT NULL,
    organization_id uuid,
    stripe_account_id character varying(255) NOT NULL,
    status character varying(50) DEFAULT 'onboarding'::character varying NOT NULL,
    charges_enabled boolean DEFAULT false NOT NULL,
    payouts_enabled boolean DEFAULT false NOT NULL,
    onboarding_completed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT stripe_connect_accounts_status_check CHECK (((status)::text = ANY ((ARRAY['onboarding'::character varying, 'active'::character varying, 'restricted'::character varying, 'disabled'::character varying])::text[])))
);


--
-- Name: stripe_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_events (
    event_id text NOT NULL,
    type text NOT NULL,
    api_version text DEFAULT ''::text NOT NULL,
    created timestamp with time zone NOT NULL,
    payload bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    processed_at timestamp with time zone,
    result text
);


--
-- Name: stripe_watermark; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stripe_watermark (
    singleton boolean DEFAULT true NOT NULL,
    seen_until timestamp with time zone,
    claimed_at timestamp with time zone,
    CONSTRAINT stripe_watermark_singleton_check CHECK (singleton)
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_verified boolean DEFAULT false NOT NULL,
    pending_email text,
    image text,
    avatar_url text,
    role text DEFAULT 'customer'::text NOT NULL,
    username text,
    bio text,
    social_links jsonb,
    stripe_customer_id text,
    email_marketing boolean DEFAULT true NOT NULL,
    email_digest boolean DEFAULT true NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT users_id_check CHECK ((id ~ '^[A-Za-z0-9]{1,64}$'::text))
);


--
-- Name: verification; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.verification (
    id text NOT NULL,
    purpose text NOT NULL,
    identifier text NOT NULL,
    user_id text,
    value bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT verification_purpose_check CHECK ((purpose = ANY (ARRAY['email'::text, 'password-reset'::text, 'email-change'::text]))),
    CONSTRAINT verification_value_check CHECK ((octet_length(value) = 32))
);


--
-- Name: video_playback; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.video_playback (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id text NOT NULL,
    content_id uuid NOT NULL,
    position_seconds integer DEFAULT 0 NOT NULL,
    duration_seconds integer NOT NULL,
    completed boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT video_playback_duration_seconds_check CHECK ((duration_seconds >= 0)),
    CONSTRAINT video_playback_position_seconds_check CHECK ((position_seconds >= 0))
);


--
-- Name: worker_nonces; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.worker_nonces (
    nonce text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: outbox_20261128; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261128 FOR VALUES FROM ('2026-11-28') TO ('2026-11-29');


--
-- Name: outbox_20261129; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261129 FOR VALUES FROM ('2026-11-29') TO ('2026-11-30');


--
-- Name: outbox_20261130; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261130 FOR VALUES FROM ('2026-11-30') TO ('2026-12-01');


--
-- Name: outbox_20261201; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261201 FOR VALUES FROM ('2026-12-01') TO ('2026-12-02');


--
-- Name: outbox_20261202; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261202 FOR VALUES FROM ('2026-12-02') TO ('2026-12-03');


--
-- Name: outbox_20261203; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261203 FOR VALUES FROM ('2026-12-03') TO ('2026-12-04');


--
-- Name: outbox_20261204; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261204 FOR VALUES FROM ('2026-12-04') TO ('2026-12-05');


--
-- Name: outbox_20261205; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261205 FOR VALUES FROM ('2026-12-05') TO ('2026-12-06');


--
-- Name: outbox_20261206; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_20261206 FOR VALUES FROM ('2026-12-06') TO ('2026-12-07');


--
-- Name: outbox_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox ATTACH PARTITION public.outbox_default DEFAULT;


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.accounts VALUES ('a1', 'creator1', 'credential', 'creator1', '$argon2id$', '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: categories; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.categories VALUES ('018f0000-0000-7000-8000-0000000000c2', '018f0000-0000-7000-8000-0000000000a1', 'creator1', 'Trains', 'trains', NULL, NULL, NULL, 0, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: checkouts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.checkouts VALUES ('018f0000-0000-7000-8000-0000000000d1', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000a1', 'creator1', 999, 'gbp', 1000, 0, 'https://example.test/', 'https://example.test/', '', '', 'completed', 1, NULL, NULL, '2026-01-04 00:00:00+00', 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: commands; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.commands VALUES ('018f0000-0000-7000-8000-0000000000e1', 'creator1', 'content.create', 'h', 'applied', NULL, 201, NULL, '2026-11-29 17:48:25.518214+00', NULL, '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: content; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.content VALUES ('018f0000-0000-7000-8000-0000000000c1', 'creator1', '018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-0000000000b1', 'A film', 'a-film', 'About trains', NULL, NULL, NULL, 'video', 'Trains', 'trains', '[]', 'paid', NULL, 999, NULL, NULL, NULL, 'published', '2026-01-03 00:00:00+00', false, 2, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL, DEFAULT);


--
-- Data for Name: content_access; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.content_access VALUES ('172cd149-6936-49db-bdb2-43e3d4a34e58', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000a1', 'purchased', '018f0000-0000-7000-8000-0000000000d2', NULL, NULL, NULL, 0, NULL, false, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: content_categories; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.content_categories VALUES ('018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000c2');


--
-- Data for Name: content_stats; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.content_stats VALUES ('018f0000-0000-7000-8000-0000000000c1', 3, 1, 'creator1', '018f0000-0000-7000-8000-0000000000a1', 'video', 'paid', 'published', '2026-01-03 00:00:00+00', NULL);


--
-- Data for Name: customer_erasures; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: dead_letters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.dead_letters VALUES ('892d8265-18ab-4966-8323-dd59a8e09d78', 'reaction-x', 'm1', 'content.created', '\x7b7d', 'failed', 5, '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: images; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.images VALUES ('018f0000-0000-7000-8000-0000000000b3', 'avatar', 'creator1', 'images/1/', '/assets/1', 'image/png', 10, 'd', 'pending', '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: library_entries; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.library_entries VALUES ('buyer1', '018f0000-0000-7000-8000-0000000000c1', true, NULL, '2026-01-04 00:00:00+00', 'in_progress', '018f0000-0000-7000-8000-0000000000a1', 'A film', 90, 'video', 'paid');


--
-- Data for Name: mails; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.mails VALUES ('018f0000-0000-7000-8000-000000000001', 'verify', 'ben@example.test', 'buyer1', 'v1', 'Verify', 'text', '<p>text</p>', 'pending', 0, NULL, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: media_items; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.media_items VALUES ('018f0000-0000-7000-8000-0000000000b1', 'creator1', 'Take', NULL, 'video', 'ready', 'o/1', NULL, NULL, NULL, 90, NULL, NULL, 'h/1', NULL, 't/1', NULL, NULL, NULL, NULL, NULL, NULL, 0, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-02 00:00:00+00', 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: media_uploads; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.media_uploads VALUES ('018f0000-0000-7000-8000-0000000000b2', '018f0000-0000-7000-8000-0000000000b1', 'o/1', NULL, 5242880, 5242880, 1, 'completed', '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: organization_memberships; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.organization_memberships VALUES ('0cdf46e4-95ef-4d90-b15d-de32bbdf9919', '018f0000-0000-7000-8000-0000000000a1', 'creator1', 'owner', 'active', NULL, '2026-01-01 00:00:00+00', NULL, NULL, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: organizations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.organizations VALUES ('018f0000-0000-7000-8000-0000000000a1', 'Studio', 'studio', NULL, NULL, NULL, NULL, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: orphan_cleanups; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261128; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261129; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261130; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261201; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261202; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261203; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261204; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261205; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_20261206; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox_default; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox_default VALUES (1, '2026-01-03', '018f0000-0000-7000-8000-0000000000e2', 'content.created', '018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-0000000000c1', 1, '018f0000-0000-7000-8000-0000000000e1', '018f0000-0000-7000-8000-0000000000e1', 'creator1', '', '{}', '2026-01-03 00:00:00+00', '2026-01-03 00:00:00+00');


--
-- Data for Name: payments; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.payments VALUES ('pi_1', '018f0000-0000-7000-8000-0000000000d2', '2026-11-29 17:48:25.518214+00', 'purchase', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', 999, 'gbp', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: purchases; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.purchases VALUES ('018f0000-0000-7000-8000-0000000000d2', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-0000000000d1', 999, 'gbp', 99, 0, 900, NULL, NULL, 'pi_1', 'completed', '2026-01-04 00:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: rate_leases; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rate_limits; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: reaction_inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.reaction_inbox VALUES ('access', '018f0000-0000-7000-8000-0000000000e2', '018f0000-0000-7000-8000-0000000000e1', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: refund_obligations; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: relay_state; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.relay_state VALUES (true, NULL, 0);


--
-- Data for Name: schema_versions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_versions VALUES (1, 0, true, '2026-11-29 17:48:24.875779');
INSERT INTO public.schema_versions VALUES (2, 1, true, '2026-11-29 17:48:24.887398');
INSERT INTO public.schema_versions VALUES (3, 2, true, '2026-11-29 17:48:25.085738');
INSERT INTO public.schema_versions VALUES (4, 3, true, '2026-11-29 17:48:25.227336');
INSERT INTO public.schema_versions VALUES (5, 4, true, '2026-11-29 17:48:25.278831');
INSERT INTO public.schema_versions VALUES (6, 5, true, '2026-11-29 17:48:25.328171');
INSERT INTO public.schema_versions VALUES (7, 6, true, '2026-11-29 17:48:25.40556');
INSERT INTO public.schema_versions VALUES (8, 7, true, '2026-11-29 17:48:25.459816');
INSERT INTO public.schema_versions VALUES (9, 8, true, '2026-11-29 17:48:25.491512');


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES ('s1', '\x7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed', 'creator1', NULL, NULL, true, '2030-01-01 00:00:00+00', '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: stripe_connect_accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.stripe_connect_accounts VALUES ('efadaa8d-a0a5-43dc-8f7e-978367202b68', 'creator1', NULL, 'acct_1', 'active', true, true, NULL, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: stripe_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.stripe_events VALUES ('evt_1', 'checkout.session.completed', '', '2026-11-29 17:48:25.518214+00', '\x7b7d', '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', 'applied');


--
-- Data for Name: stripe_watermark; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.stripe_watermark VALUES (true, NULL, NULL);


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('creator1', 'Ada', 'ada@example.test', true, NULL, NULL, NULL, 'creator', 'ada', NULL, NULL, NULL, true, true, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);
INSERT INTO public.users VALUES ('buyer1', 'Ben', 'ben@example.test', true, NULL, NULL, NULL, 'customer', NULL, NULL, NULL, NULL, true, true, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00', NULL);


--
-- Data for Name: verification; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.verification VALUES ('v1', 'email', 'ben@example.test', NULL, '\x3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3', '2030-01-01 00:00:00+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: video_playback; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.video_playback VALUES ('a5431558-0438-4cea-a9bd-a4393177df20', 'buyer1', '018f0000-0000-7000-8000-0000000000c1', 10, 90, false, 0, '2026-11-29 17:48:25.518214+00', '2026-11-29 17:48:25.518214+00');


--
-- Data for Name: worker_nonces; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: outbox_position; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_position', 1, true);


--
-- Name: schema_versions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.schema_versions_id_seq', 9, true);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


--
-- Name: accounts accounts_provider_id_account_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_provider_id_account_id_key UNIQUE (provider_id, account_id);


--
-- Name: categories categories_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (id);


--
-- Name: checkouts checkouts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_pkey PRIMARY KEY (id);


--
-- Name: checkouts checkouts_stripe_session_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_stripe_session_id_key UNIQUE (stripe_session_id);


--
-- Name: commands commands_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);


--
-- Name: content_access content_access_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_access
    ADD CONSTRAINT content_access_pkey PRIMARY KEY (id);


--
-- Name: content_access content_access_user_id_content_id_access_type_source_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_access
    ADD CONSTRAINT content_access_user_id_content_id_access_type_source_id_key UNIQUE (user_id, content_id, access_type, source_id);


--
-- Name: content_categories content_categories_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_categories
    ADD CONSTRAINT content_categories_pkey PRIMARY KEY (content_id, category_id);


--
-- Name: content content_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (id);


--
-- Name: content_stats content_stats_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_stats
    ADD CONSTRAINT content_stats_pkey PRIMARY KEY (content_id);


--
-- Name: customer_erasures customer_erasures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customer_erasures
    ADD CONSTRAINT customer_erasures_pkey PRIMARY KEY (id);


--
-- Name: customer_erasures customer_erasures_stripe_customer_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customer_erasures
    ADD CONSTRAINT customer_erasures_stripe_customer_id_key UNIQUE (stripe_customer_id);


--
-- Name: dead_letters dead_letters_consumer_message_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_consumer_message_id_key UNIQUE (consumer, message_id);


--
-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);


--
-- Name: images images_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (id);


--
-- Name: images images_prefix_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.images
    ADD CONSTRAINT images_prefix_key UNIQUE (prefix);


--
-- Name: library_entries library_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.library_entries
    ADD CONSTRAINT library_entries_pkey PRIMARY KEY (user_id, content_id);


--
-- Name: mails mails_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (id);


--
-- Name: mails mails_template_recipient_source_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_template_recipient_source_id_key UNIQUE (template, recipient, source_id);


--
-- Name: media_items media_items_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_items
    ADD CONSTRAINT media_items_pkey PRIMARY KEY (id);


--
-- Name: media_uploads media_uploads_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_uploads
    ADD CONSTRAINT media_uploads_pkey PRIMARY KEY (id);


--
-- Name: organization_memberships organization_memberships_organization_id_user_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_memberships
    ADD CONSTRAINT organization_memberships_organization_id_user_id_key UNIQUE (organization_id, user_id);


--
-- Name: organization_memberships organization_memberships_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_memberships
    ADD CONSTRAINT organization_memberships_pkey PRIMARY KEY (id);


--
-- Name: organizations organizations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);


--
-- Name: orphan_cleanups orphan_cleanups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orphan_cleanups
    ADD CONSTRAINT orphan_cleanups_pkey PRIMARY KEY (id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261128 outbox_20261128_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261128
    ADD CONSTRAINT outbox_20261128_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261129 outbox_20261129_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261129
    ADD CONSTRAINT outbox_20261129_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261130 outbox_20261130_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261130
    ADD CONSTRAINT outbox_20261130_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261201 outbox_20261201_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261201
    ADD CONSTRAINT outbox_20261201_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261202 outbox_20261202_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261202
    ADD CONSTRAINT outbox_20261202_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261203 outbox_20261203_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261203
    ADD CONSTRAINT outbox_20261203_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261204 outbox_20261204_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261204
    ADD CONSTRAINT outbox_20261204_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261205 outbox_20261205_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261205
    ADD CONSTRAINT outbox_20261205_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_20261206 outbox_20261206_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_20261206
    ADD CONSTRAINT outbox_20261206_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: outbox_default outbox_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox_default
    ADD CONSTRAINT outbox_default_pkey PRIMARY KEY (aggregate_id, version, day);


--
-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (payment_intent);


--
-- Name: payments payments_purchase_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_purchase_id_key UNIQUE (purchase_id);


--
-- Name: purchases purchases_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_pkey PRIMARY KEY (id);


--
-- Name: purchases purchases_stripe_payment_intent_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_stripe_payment_intent_id_key UNIQUE (stripe_payment_intent_id);


--
-- Name: rate_leases rate_leases_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rate_leases
    ADD CONSTRAINT rate_leases_pkey PRIMARY KEY (key);


--
-- Name: rate_limits rate_limits_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (key);


--
-- Name: reaction_inbox reaction_inbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reaction_inbox
    ADD CONSTRAINT reaction_inbox_pkey PRIMARY KEY (reaction, event_id);


--
-- Name: refund_obligations refund_obligations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refund_obligations
    ADD CONSTRAINT refund_obligations_pkey PRIMARY KEY (purchase_id);


--
-- Name: relay_state relay_state_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.relay_state
    ADD CONSTRAINT relay_state_pkey PRIMARY KEY (singleton);


--
-- Name: schema_versions schema_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_versions
    ADD CONSTRAINT schema_versions_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);


--
-- Name: stripe_connect_accounts stripe_connect_accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_connect_accounts
    ADD CONSTRAINT stripe_connect_accounts_pkey PRIMARY KEY (id);


--
-- Name: stripe_connect_accounts stripe_connect_accounts_stripe_account_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_connect_accounts
    ADD CONSTRAINT stripe_connect_accounts_stripe_account_id_key UNIQUE (stripe_account_id);


--
-- Name: stripe_connect_accounts stripe_connect_accounts_user_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_connect_accounts
    ADD CONSTRAINT stripe_connect_accounts_user_id_key UNIQUE (user_id);


--
-- Name: stripe_events stripe_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_events
    ADD CONSTRAINT stripe_events_pkey PRIMARY KEY (event_id);


--
-- Name: stripe_watermark stripe_watermark_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_watermark
    ADD CONSTRAINT stripe_watermark_pkey PRIMARY KEY (singleton);


--
-- Name: users users_email_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: verification verification_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verification
    ADD CONSTRAINT verification_pkey PRIMARY KEY (id);


--
-- Name: verification verification_value_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verification
    ADD CONSTRAINT verification_value_key UNIQUE (value);


--
-- Name: video_playback video_playback_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.video_playback
    ADD CONSTRAINT video_playback_pkey PRIMARY KEY (user_id, content_id);


--
-- Name: worker_nonces worker_nonces_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.worker_nonces
    ADD CONSTRAINT worker_nonces_pkey PRIMARY KEY (nonce);


--
-- Name: accounts_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX accounts_user ON public.accounts USING btree (user_id);


--
-- Name: categories_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX categories_organization ON public.categories USING btree (organization_id, sort_order, name, id) WHERE (deleted_at IS NULL);


--
-- Name: categories_organization_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX categories_organization_slug ON public.categories USING btree (organization_id, slug) WHERE ((organization_id IS NOT NULL) AND (deleted_at IS NULL));


--
-- Name: categories_personal; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX categories_personal ON public.categories USING btree (creator_id, sort_order, name, id) WHERE ((organization_id IS NULL) AND (deleted_at IS NULL));


--
-- Name: categories_personal_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX categories_personal_slug ON public.categories USING btree (creator_id, slug) WHERE ((organization_id IS NULL) AND (deleted_at IS NULL));


--
-- Name: checkouts_expiring; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX checkouts_expiring ON public.checkouts USING btree (customer_id, content_id) WHERE ((status)::text = 'expiring'::text);


--
-- Name: checkouts_one_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX checkouts_one_open ON public.checkouts USING btree (customer_id, content_id) WHERE ((status)::text = ANY ((ARRAY['creating'::character varying, 'open'::character varying])::text[]));


--
-- Name: checkouts_waiting; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX checkouts_waiting ON public.checkouts USING btree (expires_at) WHERE ((status)::text = ANY ((ARRAY['creating'::character varying, 'open'::character varying, 'expiring'::character varying])::text[]));


--
-- Name: commands_by_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_by_age ON public.commands USING brin (created_at);


--
-- Name: commands_of_accounts; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_of_accounts ON public.commands USING btree (actor_id) WHERE (type ~~ 'account.%'::text);


--
-- Name: commands_unfinished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX commands_unfinished ON public.commands USING btree (created_at) WHERE (status = 'accepted'::text);


--
-- Name: content_access_content; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_access_content ON public.content_access USING btree (content_id) WHERE (deleted_at IS NULL);


--
-- Name: content_by_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_by_created ON public.content USING btree (creator_id, created_at, id) INCLUDE (status, content_type, access_type, organization_id, category) WHERE (deleted_at IS NULL);


--
-- Name: content_by_published; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_by_published ON public.content USING btree (creator_id, COALESCE(published_at, '9999-01-01 00:00:00+00'::timestamp with time zone), id) INCLUDE (published_at, status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: content_by_published_down; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_by_published_down ON public.content USING btree (creator_id, COALESCE(published_at, '0001-01-01 00:00:00+00'::timestamp with time zone), id) INCLUDE (published_at, status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: content_by_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_by_title ON public.content USING btree (creator_id, title, id) INCLUDE (status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: content_by_updated; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_by_updated ON public.content USING btree (creator_id, updated_at, id) INCLUDE (status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: content_categories_category; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_categories_category ON public.content_categories USING btree (category_id, content_id);


--
-- Name: content_discover; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_discover ON public.content USING btree (published_at, id) INCLUDE (content_type) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL) AND ((access_type)::text <> 'private'::text));


--
-- Name: content_discover_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_discover_title ON public.content USING btree (title, id) INCLUDE (content_type) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL) AND ((access_type)::text <> 'private'::text));


--
-- Name: content_media; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_media ON public.content USING btree (media_item_id) WHERE (media_item_id IS NOT NULL);


--
-- Name: content_public; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public ON public.content USING btree (organization_id, published_at, id) INCLUDE (content_type, access_type, creator_id) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_public_category; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public_category ON public.content USING btree (organization_id, category_slug, published_at, id) INCLUDE (content_type, access_type) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL) AND (category_slug IS NOT NULL));


--
-- Name: content_public_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public_created ON public.content USING btree (organization_id, created_at, id) INCLUDE (content_type, access_type, creator_id, category) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_public_creator; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public_creator ON public.content USING btree (organization_id, creator_id, published_at, id) INCLUDE (access_type) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_public_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public_title ON public.content USING btree (organization_id, title, id) INCLUDE (content_type, access_type, creator_id) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_public_updated; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_public_updated ON public.content USING btree (organization_id, updated_at, id) INCLUDE (content_type, access_type, creator_id) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_search ON public.content USING gin (title public.gin_trgm_ops, description public.gin_trgm_ops) WHERE (deleted_at IS NULL);


--
-- Name: content_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX content_slug ON public.content USING btree (slug_scope, slug);


--
-- Name: content_stats_public_purchases; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_stats_public_purchases ON public.content_stats USING btree (organization_id, purchase_count, content_id) INCLUDE (content_type, access_type, creator_id) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_stats_public_views; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_stats_public_views ON public.content_stats USING btree (organization_id, view_count, content_id) INCLUDE (content_type, access_type, creator_id) WHERE (((status)::text = 'published'::text) AND (deleted_at IS NULL) AND (published_at IS NOT NULL));


--
-- Name: content_stats_purchases; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_stats_purchases ON public.content_stats USING btree (creator_id, purchase_count, content_id) INCLUDE (status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: content_stats_views; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX content_stats_views ON public.content_stats USING btree (creator_id, view_count, content_id) INCLUDE (status, content_type, access_type, organization_id) WHERE (deleted_at IS NULL);


--
-- Name: customer_erasures_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX customer_erasures_due ON public.customer_erasures USING btree (next_attempt_at);


--
-- Name: images_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX images_due ON public.images USING btree (due_at);


--
-- Name: images_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX images_owner ON public.images USING btree (owner_id, kind);


--
-- Name: library_of_content; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX library_of_content ON public.library_entries USING btree (content_id, user_id);


--
-- Name: library_recent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX library_recent ON public.library_entries USING btree (user_id, recent, content_id) INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);


--
-- Name: library_seconds; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX library_seconds ON public.library_entries USING btree (user_id, seconds, content_id) INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);


--
-- Name: library_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX library_title ON public.library_entries USING btree (user_id, title, content_id) INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);


--
-- Name: mails_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mails_due ON public.mails USING btree (next_attempt_at) WHERE (status = 'pending'::text);


--
-- Name: mails_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mails_newest ON public.mails USING btree (created_at);


--
-- Name: mails_recipient; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mails_recipient ON public.mails USING btree (recipient, created_at);


--
-- Name: mails_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mails_user ON public.mails USING btree (user_id) WHERE (user_id IS NOT NULL);


--
-- Name: media_by_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_by_created ON public.media_items USING btree (creator_id, created_at, id) INCLUDE (status, media_type) WHERE (deleted_at IS NULL);


--
-- Name: media_by_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_by_title ON public.media_items USING btree (creator_id, title, id) INCLUDE (status, media_type) WHERE (deleted_at IS NULL);


--
-- Name: media_by_uploaded; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_by_uploaded ON public.media_items USING btree (creator_id, COALESCE(uploaded_at, '9999-01-01 00:00:00+00'::timestamp with time zone), id) INCLUDE (uploaded_at, status, media_type) WHERE (deleted_at IS NULL);


--
-- Name: media_by_uploaded_down; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_by_uploaded_down ON public.media_items USING btree (creator_id, COALESCE(uploaded_at, '0001-01-01 00:00:00+00'::timestamp with time zone), id) INCLUDE (uploaded_at, status, media_type) WHERE (deleted_at IS NULL);


--
-- Name: media_job; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_job ON public.media_items USING btree (runpod_job_id) WHERE (runpod_job_id IS NOT NULL);


--
-- Name: media_jobs; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_jobs ON public.media_items USING btree (creator_id, status) WHERE (((status)::text = ANY ((ARRAY['uploaded'::character varying, 'transcoding'::character varying])::text[])) AND (deleted_at IS NULL));


--
-- Name: media_object; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_object ON public.media_items USING btree (r2_key);


--
-- Name: media_running; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_running ON public.media_items USING btree (transcoding_seen_at) WHERE ((status)::text = 'transcoding'::text);


--
-- Name: media_uploads_item; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_uploads_item ON public.media_uploads USING btree (media_item_id, created_at);


--
-- Name: media_uploads_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_uploads_open ON public.media_uploads USING btree (expires_at) WHERE ((status)::text = ANY ((ARRAY['open'::character varying, 'completing'::character varying])::text[]));


--
-- Name: media_uploads_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX media_uploads_over ON public.media_uploads USING btree (created_at) WHERE ((status)::text = ANY ((ARRAY['completed'::character varying, 'aborted'::character varying])::text[]));


--
-- Name: memberships_active; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_active ON public.organization_memberships USING btree (organization_id, role) WHERE ((status)::text = 'active'::text);


--
-- Name: memberships_listed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_listed ON public.organization_memberships USING btree (organization_id, created_at, id) INCLUDE (role, status);


--
-- Name: memberships_public; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_public ON public.organization_memberships USING btree (organization_id, array_position(ARRAY['owner'::text, 'admin'::text, 'creator'::text, 'subscriber'::text, 'member'::text], (role)::text), COALESCE(joined_at, created_at), id) INCLUDE (role, joined_at, created_at) WHERE ((status)::text = 'active'::text);


--
-- Name: memberships_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_user ON public.organization_memberships USING btree (user_id);


--
-- Name: organizations_by_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX organizations_by_created ON public.organizations USING btree (created_at, id) WHERE (deleted_at IS NULL);


--
-- Name: organizations_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX organizations_by_name ON public.organizations USING btree (lower((name)::text), id) WHERE (deleted_at IS NULL);


--
-- Name: organizations_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX organizations_search ON public.organizations USING gin (name public.gin_trgm_ops, slug public.gin_trgm_ops) WHERE (deleted_at IS NULL);


--
-- Name: organizations_slug; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX organizations_slug ON public.organizations USING btree (slug) WHERE (deleted_at IS NULL);


--
-- Name: orphan_cleanups_asked; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX orphan_cleanups_asked ON public.orphan_cleanups USING btree ((true)) WHERE (started_at IS NULL);


--
-- Name: orphan_cleanups_finished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orphan_cleanups_finished ON public.orphan_cleanups USING btree (finished_at DESC) WHERE (finished_at IS NOT NULL);


--
-- Name: outbox_unpublished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unpublished ON ONLY public.outbox USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261128_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261128_position_idx ON public.outbox_20261128 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261129_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261129_position_idx ON public.outbox_20261129 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261130_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261130_position_idx ON public.outbox_20261130 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261201_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261201_position_idx ON public.outbox_20261201 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261202_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261202_position_idx ON public.outbox_20261202 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261203_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261203_position_idx ON public.outbox_20261203 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261204_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261204_position_idx ON public.outbox_20261204 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261205_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261205_position_idx ON public.outbox_20261205 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_20261206_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_20261206_position_idx ON public.outbox_20261206 USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: outbox_default_position_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_default_position_idx ON public.outbox_default USING btree ("position") WHERE (published_at IS NULL);


--
-- Name: purchases_content; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchases_content ON public.purchases USING btree (content_id);


--
-- Name: purchases_customer; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchases_customer ON public.purchases USING btree (customer_id, created_at, id);


--
-- Name: purchases_customer_status; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchases_customer_status ON public.purchases USING btree (customer_id, status, created_at, id);


--
-- Name: purchases_one_live; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX purchases_one_live ON public.purchases USING btree (customer_id, content_id) WHERE ((status)::text = ANY ((ARRAY['completed'::character varying, 'partially_refunded'::character varying])::text[]));


--
-- Name: purchases_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchases_organization ON public.purchases USING btree (organization_id, created_at DESC) WHERE (organization_id IS NOT NULL);


--
-- Name: rate_leases_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rate_leases_over ON public.rate_leases USING btree (resets_at);


--
-- Name: rate_limits_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rate_limits_over ON public.rate_limits USING btree (resets_at);


--
-- Name: reaction_inbox_by_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reaction_inbox_by_age ON public.reaction_inbox USING brin (handled_at);


--
-- Name: reaction_inbox_by_cause; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reaction_inbox_by_cause ON public.reaction_inbox USING btree (causation_id, reaction);


--
-- Name: refund_obligations_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refund_obligations_due ON public.refund_obligations USING btree (next_attempt_at) WHERE (paid_at IS NULL);


--
-- Name: sessions_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);


--
-- Name: sessions_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_user ON public.sessions USING btree (user_id);


--
-- Name: stripe_events_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX stripe_events_open ON public.stripe_events USING btree (received_at) WHERE (processed_at IS NULL);


--
-- Name: users_search; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_search ON public.users USING gin (name public.gin_trgm_ops, email public.gin_trgm_ops) WHERE (deleted_at IS NULL);


--
-- Name: users_stripe_customer; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_stripe_customer ON public.users USING btree (stripe_customer_id) WHERE (stripe_customer_id IS NOT NULL);


--
-- Name: users_username; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_username ON public.users USING btree (username) WHERE (deleted_at IS NULL);


--
-- Name: verification_identifier; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX verification_identifier ON public.verification USING btree (identifier, purpose);


--
-- Name: verification_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX verification_user ON public.verification USING btree (user_id) WHERE (user_id IS NOT NULL);


--
-- Name: worker_nonces_over; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX worker_nonces_over ON public.worker_nonces USING btree (expires_at);


--
-- Name: outbox_20261128_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261128_pkey;


--
-- Name: outbox_20261128_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261128_position_idx;


--
-- Name: outbox_20261129_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261129_pkey;


--
-- Name: outbox_20261129_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261129_position_idx;


--
-- Name: outbox_20261130_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261130_pkey;


--
-- Name: outbox_20261130_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261130_position_idx;


--
-- Name: outbox_20261201_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261201_pkey;


--
-- Name: outbox_20261201_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261201_position_idx;


--
-- Name: outbox_20261202_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261202_pkey;


--
-- Name: outbox_20261202_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261202_position_idx;


--
-- Name: outbox_20261203_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261203_pkey;


--
-- Name: outbox_20261203_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261203_position_idx;


--
-- Name: outbox_20261204_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261204_pkey;


--
-- Name: outbox_20261204_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261204_position_idx;


--
-- Name: outbox_20261205_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261205_pkey;


--
-- Name: outbox_20261205_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261205_position_idx;


--
-- Name: outbox_20261206_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_20261206_pkey;


--
-- Name: outbox_20261206_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_20261206_position_idx;


--
-- Name: outbox_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_pkey ATTACH PARTITION public.outbox_default_pkey;


--
-- Name: outbox_default_position_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.outbox_unpublished ATTACH PARTITION public.outbox_default_position_idx;


--
-- Name: accounts accounts_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: categories categories_creator_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id) ON DELETE RESTRICT;


--
-- Name: categories categories_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;


--
-- Name: checkouts checkouts_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id);


--
-- Name: checkouts checkouts_creator_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id);


--
-- Name: checkouts checkouts_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.users(id);


--
-- Name: checkouts checkouts_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: content_access content_access_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_access
    ADD CONSTRAINT content_access_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE CASCADE;


--
-- Name: content_access content_access_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_access
    ADD CONSTRAINT content_access_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;


--
-- Name: content_access content_access_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_access
    ADD CONSTRAINT content_access_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: content_categories content_categories_category_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_categories
    ADD CONSTRAINT content_categories_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.categories(id) ON DELETE CASCADE;


--
-- Name: content_categories content_categories_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_categories
    ADD CONSTRAINT content_categories_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE CASCADE;


--
-- Name: content content_creator_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content
    ADD CONSTRAINT content_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id) ON DELETE RESTRICT;


--
-- Name: content content_media_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content
    ADD CONSTRAINT content_media_item_id_fkey FOREIGN KEY (media_item_id) REFERENCES public.media_items(id) ON DELETE SET NULL;


--
-- Name: content content_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content
    ADD CONSTRAINT content_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE SET NULL;


--
-- Name: content_stats content_stats_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.content_stats
    ADD CONSTRAINT content_stats_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE CASCADE;


--
-- Name: library_entries library_entries_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.library_entries
    ADD CONSTRAINT library_entries_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE CASCADE;


--
-- Name: library_entries library_entries_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.library_entries
    ADD CONSTRAINT library_entries_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: media_items media_items_creator_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_items
    ADD CONSTRAINT media_items_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES public.users(id) ON DELETE RESTRICT;


--
-- Name: media_uploads media_uploads_media_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_uploads
    ADD CONSTRAINT media_uploads_media_item_id_fkey FOREIGN KEY (media_item_id) REFERENCES public.media_items(id) ON DELETE CASCADE;


--
-- Name: organization_memberships organization_memberships_invited_by_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_memberships
    ADD CONSTRAINT organization_memberships_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES public.users(id) ON DELETE SET NULL;


--
-- Name: organization_memberships organization_memberships_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_memberships
    ADD CONSTRAINT organization_memberships_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE CASCADE;


--
-- Name: organization_memberships organization_memberships_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_memberships
    ADD CONSTRAINT organization_memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: organizations organizations_primary_connect_account_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_primary_connect_account_user_id_fkey FOREIGN KEY (primary_connect_account_user_id) REFERENCES public.users(id) ON DELETE SET NULL;


--
-- Name: purchases purchases_checkout_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES public.checkouts(id);


--
-- Name: purchases purchases_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE RESTRICT;


--
-- Name: purchases purchases_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.users(id) ON DELETE RESTRICT;


--
-- Name: purchases purchases_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE RESTRICT;


--
-- Name: refund_obligations refund_obligations_purchase_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refund_obligations
    ADD CONSTRAINT refund_obligations_purchase_id_fkey FOREIGN KEY (purchase_id) REFERENCES public.payments(purchase_id);


--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: stripe_connect_accounts stripe_connect_accounts_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_connect_accounts
    ADD CONSTRAINT stripe_connect_accounts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id) ON DELETE SET NULL;


--
-- Name: stripe_connect_accounts stripe_connect_accounts_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stripe_connect_accounts
    ADD CONSTRAINT stripe_connect_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: verification verification_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.verification
    ADD CONSTRAINT verification_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: video_playback video_playback_content_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.video_playback
    ADD CONSTRAINT video_playback_content_id_fkey FOREIGN KEY (content_id) REFERENCES public.content(id) ON DELETE CASCADE;


--
-- Name: video_playback video_playback_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.video_playback
    ADD CONSTRAINT video_playback_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict 6S1cQq2b7SWOMitQO1BZ7YKgciP47caGopy7XhVKq8p2jc70aXzc9cFgTUMBpUT

