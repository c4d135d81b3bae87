with

offers as (

    select * from {{ ref('stg_gpu_offers') }}

),

purchases as (

    select * from {{ ref('stg_hardware_prices') }}

),

throughput as (

    select * from {{ ref('stg_throughput') }}

),

rules as (

    select * from {{ ref('gpu_rules') }}

),

names as (

    select
        'gpu_offers' as contract,
        offers.source_id,
        offers.gpu_raw,
        coalesce(offers.interconnect_raw, '') as interconnect_raw,
        coalesce(offers.instance_type, '') as instance_type,
        offers.provider_raw,
        coalesce(round(offers.gpu_memory_gb), 0) as gpu_memory_gb,
        count(*) as row_count,
        min(offers.observed_at) as first_observed_at,
        max(offers.observed_until) as last_observed_at
    from offers
    group by 1, 2, 3, 4, 5, 6, 7
    union all
    select
        'hardware_prices' as contract,
        purchases.source_id,
        purchases.gpu_raw,
        '' as interconnect_raw,
        '' as instance_type,
        purchases.seller_raw as provider_raw,
        0 as gpu_memory_gb,
        count(*) as row_count,
        min(purchases.observed_at) as first_observed_at,
        max(purchases.observed_until) as last_observed_at
    from purchases
    group by 1, 2, 3, 4, 5, 6, 7
    union all
    select
        'throughput' as contract,
        throughput.source_id,
        throughput.gpu_raw,
        '' as interconnect_raw,
        '' as instance_type,
        throughput.source_id as provider_raw,
        0 as gpu_memory_gb,
        count(*) as row_count,
        min(throughput.observed_at) as first_observed_at,
        max(throughput.observed_until) as last_observed_at
    from throughput
    group by 1, 2, 3, 4, 5, 6, 7

),

-- Patterns are read once per name, not once per machine type.
worded as (

    select distinct
        names.gpu_raw,
        {{ name_words('names.gpu_raw') }} as gpu_words
    from names

),

candidates as (

    select
        worded.gpu_raw,
        nullif(regexp_extract(worded.gpu_words, '(\d+) ?gi?b?\b', 1), '') as memory_in_name,
        rules.*
    from worded
    inner join rules
        on {{ matches('worded.gpu_words', 'rules.name_pattern') }}

),

combinations as (

    select distinct
        names.gpu_raw,
        names.interconnect_raw,
        names.instance_type,
        names.provider_raw,
        names.gpu_memory_gb
    from names

),

qualified as (

    select
        combinations.gpu_raw,
        combinations.interconnect_raw,
        combinations.instance_type,
        combinations.provider_raw,
        combinations.gpu_memory_gb,
        candidates.gpu_id,
        candidates.priority,
        candidates.rule_note,
        coalesce(
            cast(candidates.memory_in_name as double), nullif(combinations.gpu_memory_gb, 0)
        ) as stated_memory_gb,
        candidates.memory_min_gb,
        candidates.memory_max_gb,
        candidates.memory_must_be_stated
    from combinations
    inner join candidates
        on
            combinations.gpu_raw = candidates.gpu_raw
            and (
                candidates.instance_pattern is null
                or {{ matches(name_words('combinations.instance_type'), 'candidates.instance_pattern') }}
            )
            and (
                candidates.interconnect_pattern is null
                or {{
                    matches(name_words('combinations.interconnect_raw'), 'candidates.interconnect_pattern')
                }}
            )
            and (
                candidates.provider_pattern is null
                or {{ matches(name_words('combinations.provider_raw'), 'candidates.provider_pattern') }}
            )

),

-- Several rules may fit; the one that stands first decides.
decided as (

    select
        qualified.gpu_raw,
        qualified.interconnect_raw,
        qualified.instance_type,
        qualified.provider_raw,
        qualified.gpu_memory_gb,
        arg_min(coalesce(qualified.gpu_id, ''), qualified.priority) as gpu_id,
        arg_min(qualified.rule_note, qualified.priority) as rule_note,
        min(qualified.priority) as rule_priority
    from qualified
    where
        case
            when qualified.stated_memory_gb is null
                then not coalesce(qualified.memory_must_be_stated, false)
            else
                qualified.memory_max_gb is null
                or qualified.stated_memory_gb between qualified.memory_min_gb and qualified.memory_max_gb
        end
    group by 1, 2, 3, 4, 5

),

final as (

    select
        names.contract,
        names.source_id,
        names.gpu_raw,
        names.interconnect_raw,
        names.instance_type,
        names.provider_raw,
        names.gpu_memory_gb,
        nullif(decided.gpu_id, '') as gpu_id,
        -- A rule without a part says that the name is not a whole accelerator of a known kind.
        coalesce(decided.gpu_id = '', false) as is_ruled_out,
        decided.rule_priority,
        decided.rule_note,
        names.row_count,
        names.first_observed_at,
        names.last_observed_at
    from names
    left join decided
        on
            names.gpu_raw = decided.gpu_raw
            and names.interconnect_raw = decided.interconnect_raw
            and names.instance_type = decided.instance_type
            and names.provider_raw = decided.provider_raw
            and names.gpu_memory_gb = decided.gpu_memory_gb

)

select * from final
