{#- Records and months below which a fall has no rate. -#}
{%- set fewest_records = 3 %}
{%- set fewest_months = 9 %}
{#- Standard errors from the level beyond which a model never crosses it in a draw. -#}
{%- set widest_error = 4 %}
{#- Of the models that surely reach the level, the cheapest matter: each is drawn with probability 0.63, so
    that no draw is without one of them. -#}
{%- set sure_models = 16 %}
{#- Draws that must give a rate before an interval is shown. -#}
{%- set fewest_draws = 500 %}

with

candidates as (

    select * from {{ ref('int_capability_candidates') }}
    where usd_per_mtok is not null

),

months as (

    select * from {{ ref('capability_prices_monthly') }}
    where usd_per_mtok is not null

),

levels as (

    select * from {{ ref('capability_levels') }}

),

draws as (

    {{ draws() }}

),

near as (

    select
        candidates.*,
        candidates.score - candidates.reference_score as lead_points,
        sqrt(
            pow(coalesce(candidates.score_error, 0), 2) + pow(coalesce(candidates.reference_error, 0), 2)
        ) as lead_error
    from candidates
    inner join months
        on
            candidates.price_month = months.price_month
            and candidates.board_id = months.board_id
            and candidates.level_id = months.level_id

),

relevant as (

    select
        near.*,
        near.lead_points >= {{ widest_error }} * near.lead_error
        -- The model that sets the level has the level's own error.
        or coalesce(near.board_model = near.reference_model, false) as is_sure
    from near
    where near.lead_points >= -{{ widest_error }} * near.lead_error
    qualify
        count(case when is_sure then 1 end) over (
            partition by near.price_month, near.board_id, near.level_id
            order by near.usd_per_mtok, near.model_id
            rows between unbounded preceding and current row
        ) <= {{ sure_models }}

),

models as (

    select distinct relevant.model_id
    from relevant

),

samples as (

    select
        draws.draw,
        models.model_id
    from draws
    cross join models
    where {{ is_drawn('draws.draw', 'models.model_id') }}

),

-- An entry of a board has one error per draw: its scores in two snapshots rest on the same votes.
entries as (

    select
        relevant.board_id,
        relevant.board_model
    from relevant
    where not relevant.is_sure
    union
    select
        relevant.board_id,
        relevant.reference_model as board_model
    from relevant
    where not relevant.is_sure and relevant.reference_model is not null

),

errors as (

    select
        draws.draw,
        entries.board_id,
        entries.board_model,
        {{ normal_error('draws.draw', 'entries.board_model') }} as error
    from draws
    cross join entries

),

reaching as (

    select
        samples.draw,
        relevant.board_id,
        relevant.level_id,
        relevant.price_date,
        relevant.usd_per_mtok
    from relevant
    inner join samples
        on relevant.model_id = samples.model_id
    where relevant.is_sure
    union all
    select
        samples.draw,
        relevant.board_id,
        relevant.level_id,
        relevant.price_date,
        relevant.usd_per_mtok
    from relevant
    inner join samples
        on relevant.model_id = samples.model_id
    inner join errors
        on
            samples.draw = errors.draw
            and relevant.board_id = errors.board_id
            and relevant.board_model = errors.board_model
    left join errors as reference_errors
        on
            samples.draw = reference_errors.draw
            and relevant.board_id = reference_errors.board_id
            and relevant.reference_model = reference_errors.board_model
    where
        not relevant.is_sure
        and relevant.lead_points + coalesce(relevant.score_error, 0) * errors.error
        >= coalesce(relevant.reference_error * reference_errors.error, 0)

),

lowest as (

    select
        reaching.draw,
        reaching.board_id,
        reaching.level_id,
        reaching.price_date,
        ln(min(reaching.usd_per_mtok)) as log_usd
    from reaching
    group by 1, 2, 3, 4

),

dated as (

    select
        lowest.*,
        date_diff('day', min(lowest.price_date) over level, lowest.price_date) / 365.25 as years,
        coalesce(
            lowest.log_usd
            < min(lowest.log_usd) over (level rows between unbounded preceding and 1 preceding),
            true
        ) as is_record
    from lowest
    window level as (
        partition by lowest.draw, lowest.board_id, lowest.level_id
        order by lowest.price_date
    )

),

slopes as (

    select
        dated.draw,
        dated.board_id,
        dated.level_id,
        {{ median('(later.log_usd - dated.log_usd) / (later.years - dated.years)') }} as theil_sen
    from dated
    inner join dated as later
        on
            dated.draw = later.draw
            and dated.board_id = later.board_id
            and dated.level_id = later.level_id
            and dated.years < later.years
    group by 1, 2, 3

),

fitted as (

    select
        dated.draw,
        dated.board_id,
        dated.level_id,
        case
            when
                count(case when dated.is_record then 1 end) >= {{ fewest_records }}
                and max(case when dated.is_record then dated.price_date end)
                >= min(dated.price_date) + interval {{ fewest_months }} month
                then regr_slope(dated.log_usd, dated.years) filter (where dated.is_record)
        end as record_regression,
        (arg_max(dated.log_usd, dated.price_date) - arg_min(dated.log_usd, dated.price_date))
        / nullif(max(dated.years), 0) as end_to_end,
        count(case when dated.is_record then 1 end) as record_count,
        count(*) as month_count,
        min(dated.price_date) as first_date,
        max(dated.price_date) as last_date
    from dated
    group by 1, 2, 3

),

methods as (

    {% for rate_method in ['record_regression', 'theil_sen', 'end_to_end'] %}
    select
        fitted.draw,
        fitted.board_id,
        fitted.level_id,
        '{{ rate_method }}' as rate_method,
        {{ 'slopes' if rate_method == 'theil_sen' else 'fitted' }}.{{ rate_method }} as log_change_per_year
    from fitted
    inner join slopes
        on
            fitted.draw = slopes.draw
            and fitted.board_id = slopes.board_id
            and fitted.level_id = slopes.level_id
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

intervals as (

    select
        methods.board_id,
        methods.level_id,
        methods.rate_method,
        {{ quantile('methods.log_change_per_year', 0.05) }} as low,
        {{ quantile('methods.log_change_per_year', 0.95) }} as high,
        count(methods.log_change_per_year) as draw_count
    from methods
    where methods.draw > 0
    group by 1, 2, 3

),

judged as (

    select
        levels.board_id,
        levels.level_id,
        kinds.rate_method,
        methods.log_change_per_year,
        intervals.low,
        intervals.high,
        intervals.draw_count,
        fitted.record_count,
        fitted.month_count,
        fitted.first_date,
        fitted.last_date,
        case
            when fitted.draw is null then 'no price'
            when fitted.record_count < {{ fewest_records }} then 'fewer than {{ fewest_records }} records'
            when fitted.last_date < fitted.first_date + interval {{ fewest_months }} month
                then 'less than {{ fewest_months }} months'
            when methods.log_change_per_year is null
                then 'less than {{ fewest_months }} months between its records'
        end as suppression_reason
    from levels
    cross join (values ('record_regression'), ('theil_sen'), ('end_to_end')) as kinds (rate_method)
    left join fitted
        on
            levels.board_id = fitted.board_id
            and levels.level_id = fitted.level_id
            and fitted.draw = 0
    left join methods
        on
            levels.board_id = methods.board_id
            and levels.level_id = methods.level_id
            and kinds.rate_method = methods.rate_method
            and methods.draw = 0
    left join intervals
        on
            levels.board_id = intervals.board_id
            and levels.level_id = intervals.level_id
            and kinds.rate_method = intervals.rate_method

),

shown as (

    select
        judged.*,
        {% for side in ['low', 'high'] %}
        round(
            case
                when judged.suppression_reason is null and judged.draw_count >= {{ fewest_draws }}
                    then judged.{{ side }}
            end,
            6
        ) as shown_{{ side }},
        {% endfor %}
        round(case when judged.suppression_reason is null then judged.log_change_per_year end, 6)
            as shown_log_change_per_year
    from judged

),

final as (

    select
        shown.board_id,
        shown.level_id,
        shown.rate_method,
        shown.shown_log_change_per_year as log_change_per_year,
        shown.shown_low as log_change_per_year_low,
        shown.shown_high as log_change_per_year_high,
        exp(-shown.shown_log_change_per_year) as fall_factor_per_year,
        exp(-shown.shown_high) as fall_factor_per_year_low,
        exp(-shown.shown_low) as fall_factor_per_year_high,
        shown.first_date,
        shown.last_date,
        cast(coalesce(shown.month_count, 0) as integer) as month_count,
        cast(coalesce(shown.record_count, 0) as integer) as record_count,
        cast(coalesce(shown.draw_count, 0) as integer) as draw_count,
        {{ value_status('shown.last_date', 'shown.suppression_reason') }} as status,
        shown.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from shown

)

select * from final
