with

models as (

    select * from {{ ref('models') }}

),

architectures as (

    select * from {{ ref('model_architectures') }}

),

labs as (

    select * from {{ ref('labs') }}

),

names as (

    select * from {{ ref('int_model_names__matched') }}

),

facts as (

    select * from {{ ref('stg_model_facts') }}

),

stated as (

    select
        names.model_id,
        mode(facts.release_date) as stated_release_date,
        mode(facts.context_tokens) as stated_context_tokens
    from facts
    inner join names
        on
            names.contract = 'model_facts'
            and facts.source_id = names.source_id
            and facts.host_raw = names.host_raw
            and facts.model_raw = names.model_raw
            and facts.observed_at >= names.valid_from
            and facts.observed_at < names.valid_to
    where names.model_id is not null
    group by 1

),

seen as (

    select
        names.model_id,
        min(greatest(names.first_observed_at, cast(names.valid_from as timestamp))) as first_observed_at,
        max(least(names.last_observed_at, cast(names.valid_to as timestamp))) as last_observed_at,
        count(distinct names.host_raw) filter (where names.contract = 'token_prices') as host_count
    from names
    -- A name that has stood for several models counts only while it stood for this one.
    where
        names.model_id is not null
        and names.last_observed_at >= names.valid_from
        and names.first_observed_at < names.valid_to
    group by 1

),

final as (

    select
        models.model_id,
        models.model_name,
        models.lab_id,
        labs.lab_name,
        models.is_open_weights,
        models.release_date,
        stated.stated_release_date,
        models.total_params_b,
        models.active_params_b,
        models.license,
        stated.stated_context_tokens,
        models.confidence,
        architectures.layer_count,
        architectures.hidden_size,
        architectures.cache_form,
        architectures.kv_head_count,
        architectures.head_size,
        architectures.cache_bytes_per_token,
        architectures.native_precision,
        architectures.native_context_ktokens,
        architectures.source as architecture_source,
        architectures.confidence as architecture_confidence,
        seen.first_observed_at,
        seen.last_observed_at,
        cast(coalesce(seen.host_count, 0) as integer) as host_count
    from models
    inner join labs
        on models.lab_id = labs.lab_id
    left join architectures
        on models.model_id = architectures.model_id
    left join stated
        on models.model_id = stated.model_id
    left join seen
        on models.model_id = seen.model_id

)

select * from final
