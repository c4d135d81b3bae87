{#- Models and labs without which two months are not compared. -#}
{%- set fewest_models = 10 %}
{%- set fewest_labs = 4 %}

with recursive

relatives as (

    select * from {{ ref('int_token_price_relatives') }}
    where log_change is not null

),

effects as (

    select * from {{ ref('int_token_price_hedonics') }}

),

hedonic_months as (

    select
        offers.window_month,
        offers.price_month,
        offers.month_number,
        offers.month_count,
        count(distinct offers.model_id) as model_count,
        count(distinct offers.lab_id) as lab_count,
        count(*) as input_count
    from {{ ref('int_token_price_hedonics__offers') }} as offers
    group by 1, 2, 3, 4

),

labs as (

    select relatives.lab_id
    from relatives
    union
    select effects.lab_id
    from effects
    where effects.lab_id != ''

),

supported as (

    select
        relatives.price_basis,
        relatives.from_month,
        relatives.to_month,
        avg(relatives.log_change) as log_change,
        sum(relatives.model_count) as model_count,
        count(*) as lab_count,
        sum(relatives.line_count) as input_count,
        sum(relatives.excluded_count) as excluded_count
    from relatives
    group by 1, 2, 3
    having sum(relatives.model_count) >= {{ fewest_models }} and count(*) >= {{ fewest_labs }}

),

-- A change and, under each lab's name, by how much it moves, to first order, for each unit of weight the lab
-- gets on top of its one.
matched_moves as (

    select
        'matched' as index_kind,
        supported.price_basis,
        '' as member,
        supported.from_month,
        supported.to_month,
        supported.log_change
    from supported
    union all
    select
        'matched' as index_kind,
        supported.price_basis,
        labs.lab_id as member,
        supported.from_month,
        supported.to_month,
        coalesce((relatives.log_change - supported.log_change) / supported.lab_count, 0) as log_change
    from supported
    cross join labs
    left join relatives
        on
            supported.price_basis = relatives.price_basis
            and supported.from_month = relatives.from_month
            and supported.to_month = relatives.to_month
            and labs.lab_id = relatives.lab_id

),

all_members as (

    select labs.lab_id
    from labs
    union all
    select '' as lab_id

),

-- The last month of a window against each earlier one; a lab that is not in a window has no influence there.
hedonic_moves as (

    select
        'hedonic' as index_kind,
        'blended' as price_basis,
        members.lab_id as member,
        earlier.price_month as from_month,
        earlier.window_month as to_month,
        coalesce(last_effects.estimate, 0) - coalesce(earlier_effects.estimate, 0) as log_change
    from hedonic_months as earlier
    cross join all_members as members
    left join effects as last_effects
        on
            earlier.window_month = last_effects.window_month
            and earlier.month_count - 1 = last_effects.term
            and members.lab_id = last_effects.lab_id
    left join effects as earlier_effects
        on
            earlier.window_month = earlier_effects.window_month
            and earlier.month_number = earlier_effects.term
            and members.lab_id = earlier_effects.lab_id
    left join effects as left_out
        on
            earlier.window_month = left_out.window_month
            and left_out.term in (earlier.month_count - 1, earlier.month_number)
            and left_out.is_left_out
    where earlier.month_number < earlier.month_count - 1 and left_out.term is null

),

moves as (

    select * from matched_moves
    union all
    select * from hedonic_moves

),

linked as (

    select
        moves.index_kind,
        moves.price_basis,
        moves.from_month as price_month
    from moves
    union
    select
        moves.index_kind,
        moves.price_basis,
        moves.to_month as price_month
    from moves

),

months as (

    select
        linked.index_kind,
        linked.price_basis,
        linked.price_month,
        row_number() over (
            partition by linked.index_kind, linked.price_basis
            order by linked.price_month
        ) as month_number,
        row_number() over (order by linked.index_kind, linked.price_basis, linked.price_month) as cell
    from linked

),

links as (

    select
        moves.index_kind,
        moves.price_basis,
        moves.member,
        months.month_number,
        list(struct_pack(place := earlier_months.month_number, step := moves.log_change)) as steps
    from moves
    inner join months
        on
            moves.index_kind = months.index_kind
            and moves.price_basis = months.price_basis
            and moves.to_month = months.price_month
    inner join months as earlier_months
        on
            moves.index_kind = earlier_months.index_kind
            and moves.price_basis = earlier_months.price_basis
            and moves.from_month = earlier_months.price_month
    group by 1, 2, 3, 4

),

members as (

    select distinct
        moves.index_kind,
        moves.price_basis,
        moves.member
    from moves

),

-- Each month is joined to what is published: the mean, over all earlier months of its window, of their level
-- and the change since. With matched changes this is GEKS-Jevons over a rolling window, spliced by the mean
-- of the published months: the detours over third months cancel in that mean.
levels as (

    select
        members.index_kind,
        members.price_basis,
        members.member,
        cast(1 as bigint) as month_number,
        [cast(0 as double)] as log_levels
    from members
    union all
    select
        levels.index_kind,
        levels.price_basis,
        levels.member,
        months.month_number,
        list_append(
            levels.log_levels,
            {{ mean_of_steps('links.steps', 'levels.log_levels') }}
        ) as log_levels
    from levels
    inner join months
        on
            levels.index_kind = months.index_kind
            and levels.price_basis = months.price_basis
            and levels.month_number + 1 = months.month_number
    left join links
        on
            levels.index_kind = links.index_kind
            and levels.price_basis = links.price_basis
            and levels.member = links.member
            and months.month_number = links.month_number

),

spliced as (

    select
        months.cell,
        levels.member,
        levels.log_levels[months.month_number] as log_index
    from levels
    inner join months
        on
            levels.index_kind = months.index_kind
            and levels.price_basis = months.price_basis
            and levels.month_number = months.month_number

),

draws as (

    {{ draws() }}

),

weights as (

    select
        draws.draw,
        labs.lab_id,
        {{ cluster_weight('draws.draw', 'labs.lab_id') }} - 1 as extra_weight
    from draws
    cross join labs
    where draws.draw > 0

),

deviations as (

    select
        spliced.cell,
        weights.draw,
        sum(weights.extra_weight * spliced.log_index) as deviation
    from spliced
    inner join weights
        on spliced.member = weights.lab_id
    group by 1, 2

),

intervals as (

    select
        deviations.cell,
        {{ quantile('deviations.deviation', 0.05) }} as deviation_low,
        {{ quantile('deviations.deviation', 0.95) }} as deviation_high
    from deviations
    group by 1

),

-- What a month stands on: matched, what it shares with the latest month it is compared with; hedonic, itself.
inputs as (

    select
        'matched' as index_kind,
        supported.price_basis,
        supported.to_month as price_month,
        arg_max(supported.model_count, supported.from_month) as model_count,
        arg_max(supported.lab_count, supported.from_month) as lab_count,
        arg_max(supported.input_count, supported.from_month) as input_count,
        arg_max(supported.excluded_count, supported.from_month) as excluded_count
    from supported
    group by 1, 2, 3
    union all
    select
        'hedonic' as index_kind,
        'blended' as price_basis,
        hedonic_months.price_month,
        hedonic_months.model_count,
        hedonic_months.lab_count,
        hedonic_months.input_count,
        cast(null as bigint) as excluded_count
    from hedonic_months
    where hedonic_months.window_month = hedonic_months.price_month

),

final as (

    select
        months.index_kind,
        months.price_basis,
        months.price_month,
        spliced.log_index,
        spliced.log_index + intervals.deviation_low as log_index_low,
        spliced.log_index + intervals.deviation_high as log_index_high,
        inputs.model_count,
        inputs.lab_count,
        inputs.input_count,
        inputs.excluded_count
    from months
    inner join spliced
        on months.cell = spliced.cell and spliced.member = ''
    left join intervals
        on months.cell = intervals.cell
    left join inputs
        on
            months.index_kind = inputs.index_kind
            and months.price_basis = inputs.price_basis
            and months.price_month = inputs.price_month

)

select * from final
