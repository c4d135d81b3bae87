with

claims as (

    select * from {{ ref('published_claims') }}
    where stated_date <= {{ as_of_date() }}

),

answers as (

    select * from {{ ref('int_claims__rents') }}
    union all
    select * from {{ ref('int_claims__arena') }}
    union all
    select * from {{ ref('int_claims__costs') }}

),

judged as (

    select
        claims.*,
        answers.measured_value,
        answers.measured_unit,
        answers.input_count,
        answers.first_date,
        answers.last_date,
        -- What reaches to the present moves with it.
        case when answers.is_open then {{ as_of_date() }} else answers.last_date end as settled_date,
        answers.is_held,
        answers.answer,
        case
            when answers.claim_id is null then 'no observations of the time'
            else answers.untestable_reason
        end as untestable_reason
    from claims
    left join answers
        on claims.claim_id = answers.claim_id

),

final as (

    select
        judged.claim_id,
        judged.stated_date,
        judged.statement,
        judged.source,
        judged.test,
        case
            when judged.untestable_reason is not null then 'not testable'
            when judged.is_held is null then 'reported'
            when judged.is_held then 'holds'
            else 'fails'
        end as verdict,
        cast(case when judged.untestable_reason is null then judged.measured_value end as decimal(18, 6))
            as measured_value,
        case when judged.untestable_reason is null then judged.measured_unit end as measured_unit,
        judged.answer,
        cast(coalesce(judged.input_count, 0) as integer) as input_count,
        judged.first_date,
        judged.last_date,
        {{ as_of_date() }} as as_of_date,
        {{ value_status('judged.settled_date', 'judged.untestable_reason') }} as status,
        judged.untestable_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
