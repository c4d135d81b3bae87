with

mentions as (

    select * from {{ ref('int_model_names__mentioned') }}

),

worded as (

    select * from {{ ref('int_model_names__worded') }}

),

provider_names as (

    select * from {{ ref('int_provider_names__matched') }}
    where market = 'token'

),

provider_aliases as (

    select * from {{ ref('provider_aliases') }}

),

aliases as (

    select * from {{ ref('model_aliases') }}

),

models as (

    select * from {{ ref('models') }}

),

labs as (

    select * from {{ ref('labs') }}

),

hosts as (

    select distinct
        provider_names.source_id,
        provider_names.provider_raw as host_raw,
        provider_names.provider_id as host_id
    from provider_names
    where provider_names.provider_id is not null

),

uploaders as (

    select replace(unnest(string_split(labs.makers, ' ')), '-', '') as letters
    from labs
    where labs.makers is not null
    union
    select replace(labs.lab_id, '-', '') as letters
    from labs
    union
    select replace(provider_aliases.alias, '%', '') as letters
    from provider_aliases

),

-- A model's id is a name of its own, unless an alias says what it stands for.
known as (

    select
        aliases.alias as known_name,
        aliases.host_id,
        aliases.model_id,
        aliases.valid_from,
        aliases.valid_to,
        aliases.valid_from is not null or aliases.valid_to is not null as is_rolling,
        aliases.note as alias_note
    from aliases
    union all
    select
        models.model_id as known_name,
        cast(null as varchar) as host_id,
        models.model_id,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to,
        false as is_rolling,
        cast(null as varchar) as alias_note
    from models
    left join aliases
        on
            models.model_id = aliases.alias
            and aliases.host_id is null
    where aliases.alias is null

),

candidates as (

    select
        worded.model_raw,
        worded.form,
        worded.words_left_out,
        worded.is_shortened,
        worded.uploader,
        worded.first_observed_at,
        known.known_name,
        known.host_id,
        known.model_id,
        known.valid_from,
        known.valid_to,
        known.is_rolling,
        known.alias_note,
        models.is_open_weights,
        models.total_params_b,
        models.active_params_b,
        models.release_date,
        substr(worded.form, length(known.known_name) + 1) as endings
    from worded
    inner join known
        on
            split_part(worded.form, '-', 1) = split_part(known.known_name, '-', 1)
            and left(worded.form || '-', length(known.known_name) + 1) = known.known_name || '-'
    left join models
        on known.model_id = models.model_id
    where worded.no_model_reason is null

),

told as (

    select
        candidates.*,
        {{ stated_params_b('candidates.endings', 'total') }} as stated_total_params_b,
        {{ stated_params_b('candidates.endings', 'active') }} as stated_active_params_b,
        -- What follows "thinking" is a number of tokens, no date.
        regexp_replace(candidates.endings || '-', '-thinking-[0-9]+', '-thinking') as dated_endings
    from candidates
    where {{ endings_fit('candidates.known_name', 'candidates.endings', 'candidates.is_open_weights') }}

),

stamped as (

    select
        told.*,
        nullif(regexp_extract(told.dated_endings, '-({{ snapshot_endings() }})-', 1), '') as ending_date,
        nullif(regexp_extract(told.dated_endings, '-({{ version_endings() }})-', 1), '') as version_number
    from told

),

fitting as (

    select
        stamped.*,
        -- A date behind the name, a date in it, or the number of a snapshot.
        coalesce(
            stamped.ending_date,
            {{ own_date('stamped.model_id') }},
            {{ own_date('stamped.known_name') }},
            stamped.version_number
        ) as snapshot_raw
    from stamped
    where
        -- A name that stood for several checkpoints means none of them when a date is stated.
        not (stamped.is_rolling and stamped.ending_date is not null)
        -- A stated size must be the model's own.
        and (
            stamped.stated_total_params_b is null
            or coalesce(abs(stamped.stated_total_params_b / stamped.total_params_b - 1) <= 0.1, false)
            or coalesce(abs(stamped.stated_total_params_b / stamped.active_params_b - 1) <= 0.1, false)
        )
        and (
            stamped.stated_active_params_b is null
            or coalesce(abs(stamped.stated_active_params_b / stamped.active_params_b - 1) <= 0.1, false)
        )

),

-- Fewest words left out before it, the longest name, the host's own use of it: in this order.
ranked as (

    select
        mentions.contract,
        mentions.source_id,
        mentions.host_raw,
        fitting.*,
        dense_rank() over (
            partition by mentions.contract, mentions.source_id, mentions.host_raw, mentions.model_raw
            order by
                fitting.words_left_out asc, length(fitting.known_name) desc, fitting.host_id is null asc,
                fitting.is_shortened asc, fitting.form asc
        ) as place
    from mentions
    inner join fitting
        on mentions.model_raw = fitting.model_raw
    left join hosts
        on
            mentions.source_id = hosts.source_id
            and mentions.host_raw = hosts.host_raw
    left join uploaders
        on fitting.uploader = uploaders.letters
    where
        coalesce(fitting.host_id, hosts.host_id, '') = coalesce(hosts.host_id, '')
        -- Among a board's uploads anybody's copy may bear any name.
        and (
            mentions.contract != 'leaderboard_scores'
            or fitting.uploader = ''
            or uploaders.letters is not null
        )

),

final as (

    select
        ranked.contract,
        ranked.source_id,
        ranked.host_raw,
        ranked.model_raw,
        ranked.model_id,
        ranked.known_name,
        ranked.alias_note,
        ranked.words_left_out,
        ranked.endings,
        {{ snapshot_text('ranked.snapshot_raw') }} as snapshot_text,
        ranked.is_rolling,
        {{ matches('ranked.form', "'-(preview|beta|exp|experimental)(-|$)'") }} as is_preview,
        ranked.release_date,
        ranked.first_observed_at,
        coalesce(ranked.valid_from, date '0001-01-01') as valid_from,
        coalesce(ranked.valid_to, date '9999-12-31') as valid_to
    from ranked
    where ranked.place = 1

)

select * from final
