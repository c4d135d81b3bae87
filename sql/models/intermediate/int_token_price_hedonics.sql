{#- Least squares in SQL. In each window ln(price) = month + quality + context + open weights + host + error;
    the effects of the hosts are taken out by subtracting host means, the rest is solved by elimination. -#}

{#- A pivot below this share of its column's size is noise: the column follows from the hosts and the columns
    before it. -#}
{%- set smallest_pivot = 1e-9 %}
{%- set is_noise = 'pivots.coefficients[pivots.term] <= ' ~ smallest_pivot ~ ' * pivots.size' %}
{%- set covariates = ['quality', 'context', 'is_open'] %}

with recursive

offers as (

    select
        offers.*,
        row_number() over (
            order by offers.window_month, offers.price_month, offers.host_id, offers.model_id
        ) as offer
    from {{ ref('int_token_price_hedonics__offers') }} as offers

),

-- Columns of the regression where they are not zero. Number 0 is the price, then come the months after the
-- first, then the covariates.
cells as (

    select
        offers.offer,
        offers.window_month,
        offers.host_id,
        offers.lab_id,
        offers.weight,
        0 as term,
        offers.log_usd as amount
    from offers
    union all
    select
        offers.offer,
        offers.window_month,
        offers.host_id,
        offers.lab_id,
        offers.weight,
        offers.month_number as term,
        1.0 as amount
    from offers
    where offers.month_number > 0
    {% for covariate in covariates %}
    union all
    select
        offers.offer,
        offers.window_month,
        offers.host_id,
        offers.lab_id,
        offers.weight,
        offers.month_count + {{ loop.index0 }} as term,
        offers.{{ covariate }} as amount
    from offers
    {% endfor %}

),

host_weights as (

    select
        offers.window_month,
        offers.host_id,
        sum(offers.weight) as weight
    from offers
    group by 1, 2

),

host_sums as (

    select
        cells.window_month,
        cells.host_id,
        cells.term,
        sum(cells.weight * cells.amount) as amount
    from cells
    group by 1, 2, 3

),

-- Sums of products over all offers less those of the host means: what is left within hosts.
products as (

    select
        cells.window_month,
        cells.term,
        other.term as other_term,
        sum(cells.weight * cells.amount * other.amount) as amount
    from cells
    inner join cells as other
        on cells.offer = other.offer
    group by 1, 2, 3
    union all
    select
        host_sums.window_month,
        host_sums.term,
        other.term as other_term,
        -sum(host_sums.amount * other.amount / host_weights.weight) as amount
    from host_sums
    inner join host_sums as other
        on
            host_sums.window_month = other.window_month
            and host_sums.host_id = other.host_id
    inner join host_weights
        on
            host_sums.window_month = host_weights.window_month
            and host_sums.host_id = host_weights.host_id
    group by 1, 2, 3

),

within_hosts as (

    select
        products.window_month,
        products.term,
        products.other_term,
        sum(products.amount) as amount
    from products
    group by 1, 2, 3

),

terms as (

    select
        cells.window_month,
        cells.term,
        sum(cells.weight * cells.amount * cells.amount) as size
    from cells
    where cells.term > 0
    group by 1, 2

),

-- A row per equation: its coefficients, its right side, and a one at its own place of as many zeros.
equations as (

    select
        terms.window_month,
        terms.term,
        list(coalesce(within_hosts.amount, 0) order by other.term)
        || [max(right_sides.amount)]
        || list(cast(terms.term = other.term as double) order by other.term) as coefficients,
        terms.size,
        count(*) as term_count
    from terms
    inner join terms as other
        on terms.window_month = other.window_month
    left join within_hosts
        on
            terms.window_month = within_hosts.window_month
            and terms.term = within_hosts.term
            and other.term = within_hosts.other_term
    left join within_hosts as right_sides
        on
            terms.window_month = right_sides.window_month
            and terms.term = right_sides.term
            and right_sides.other_term = 0
    group by terms.window_month, terms.term, terms.size

),

-- After step n the first n columns are those of the identity; a column that follows from earlier ones is left
-- out, and its estimate is zero.
pivoted as (

    select
        equations.*,
        0 as step,
        false as is_left_out
    from equations
    union all
    select
        pivoted.window_month,
        pivoted.term,
        case
            when {{ is_noise }} and pivoted.term = pivots.term
                then {{ less_multiple('pivoted.coefficients', 'pivoted.coefficients', '1') }}
            when {{ is_noise }} then pivoted.coefficients
            when pivoted.term = pivots.term
                then {{ divided('pivoted.coefficients', 'pivots.coefficients[pivots.term]') }}
            else {{ less_multiple(
                'pivoted.coefficients', 'pivots.coefficients',
                'pivoted.coefficients[pivots.term] / pivots.coefficients[pivots.term]'
            ) }}
        end as coefficients,
        pivoted.size,
        pivoted.term_count,
        pivoted.step + 1 as step,
        pivoted.is_left_out or (pivoted.term = pivots.term and {{ is_noise }}) as is_left_out
    from pivoted
    inner join pivoted as pivots
        on
            pivoted.window_month = pivots.window_month
            and pivoted.step + 1 = pivots.term
    where pivoted.step < pivoted.term_count

),

solved as (

    select
        pivoted.window_month,
        pivoted.term,
        pivoted.is_left_out,
        pivoted.coefficients[pivoted.term_count + 1] as estimate,
        pivoted.coefficients[pivoted.term_count + 2:] as inverse_row
    from pivoted
    where pivoted.step = pivoted.term_count

),

explained as (

    select
        cells.offer,
        cells.window_month,
        cells.host_id,
        cells.lab_id,
        cells.weight,
        sum(case when cells.term = 0 then cells.amount else -cells.amount * solved.estimate end)
            as unexplained
    from cells
    left join solved
        on
            cells.window_month = solved.window_month
            and cells.term = solved.term
    group by 1, 2, 3, 4, 5

),

residuals as (

    select
        explained.offer,
        explained.window_month,
        explained.host_id,
        explained.lab_id,
        explained.weight * (
            explained.unexplained
            - sum(explained.weight * explained.unexplained) over by_host / sum(explained.weight) over by_host
        ) as weighted_residual
    from explained
    window by_host as (partition by explained.window_month, explained.host_id)

),

-- What each lab adds to the equations: its residuals times the columns, host means subtracted.
scores as (

    select
        cells.window_month,
        cells.lab_id,
        cells.term,
        sum(cells.amount * residuals.weighted_residual) as amount
    from cells
    inner join residuals
        on cells.offer = residuals.offer
    where cells.term > 0
    group by 1, 2, 3
    union all
    select
        residuals.window_month,
        residuals.lab_id,
        host_sums.term,
        -sum(host_sums.amount / host_weights.weight * residuals.weighted_residual) as amount
    from residuals
    inner join host_sums
        on
            residuals.window_month = host_sums.window_month
            and residuals.host_id = host_sums.host_id
            and host_sums.term > 0
    inner join host_weights
        on
            residuals.window_month = host_weights.window_month
            and residuals.host_id = host_weights.host_id
    group by 1, 2, 3

),

-- By how much an estimate moves, to first order, for each unit of weight a lab gets on top of its one.
influences as (

    select
        solved.window_month,
        scores.lab_id,
        solved.term,
        sum(solved.inverse_row[scores.term] * scores.amount) as estimate
    from solved
    inner join scores
        on solved.window_month = scores.window_month
    group by 1, 2, 3

),

final as (

    select
        solved.window_month,
        cast('' as varchar) as lab_id,
        cast(solved.term as integer) as term,
        solved.is_left_out,
        solved.estimate
    from solved
    union all
    select
        influences.window_month,
        influences.lab_id,
        cast(influences.term as integer) as term,
        false as is_left_out,
        influences.estimate
    from influences

)

select * from final
