with

readings as (

    select * from {{ ref('int_readings__current') }}

),

freshness as (

    select * from {{ ref('source_freshness') }}

),

sources as (

    select * from {{ ref('sources') }}

),

inputs as (

    select
        named.mart,
        named.contract
    from ({{ mart_inputs() }}) as named (mart, contract)
    where named.mart != ''

),

-- The newest data of each source of a contract; sources that only check others feed nothing.
seen as (

    select
        readings.contract,
        readings.source_id,
        max(readings.read_at) as newest_read_at
    from readings
    inner join sources
        on readings.source_id = sources.source_id
    where not sources.is_cross_check
    group by 1, 2

),

-- As old as the oldest of what the mart needs; unknown where one of these was never read.
ages as (

    select
        newest.mart,
        string_agg(newest.contract, ' ' order by newest.contract) as fed_by,
        case when count(newest.newest_read_at) = count(*) then min(newest.newest_read_at) end
            as newest_read_at
    from (
        select
            inputs.mart,
            inputs.contract,
            max(seen.newest_read_at) as newest_read_at
        from inputs
        left join seen
            on inputs.contract = seen.contract
        group by 1, 2
    ) as newest
    group by 1

),

counts as (

    select
        inputs.mart,
        count(distinct seen.source_id) as source_count,
        count(distinct seen.source_id) filter (where freshness.is_stalled) as stalled_source_count
    from inputs
    inner join seen
        on inputs.contract = seen.contract
    inner join freshness
        on seen.source_id = freshness.source_id
    where freshness.kind != 'history'
    group by 1

),

judged as (

    select
        ages.*,
        {{ as_of_date() }} - cast(ages.newest_read_at as date) as age_days,
        coalesce(counts.source_count, 0) as source_count,
        coalesce(counts.stalled_source_count, 0) as stalled_source_count
    from ages
    left join counts
        on ages.mart = counts.mart

),

final as (

    select
        judged.mart,
        judged.fed_by,
        judged.newest_read_at,
        cast(judged.age_days as integer) as age_days,
        cast(judged.source_count as bigint) as source_count,
        cast(judged.stalled_source_count as bigint) as stalled_source_count,
        coalesce(judged.age_days > {{ var('mart_fresh_days') }}, true)
        or 2 * judged.stalled_source_count > judged.source_count as is_stale
    from judged

)

select * from final
