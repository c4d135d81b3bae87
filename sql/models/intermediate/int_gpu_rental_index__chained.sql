{%- set latest = '-' ~ var('index_link_months') ~ ':' %}

with recursive

offers as (

    select * from {{ ref('int_gpu_offer_prices__monthly') }}
    where is_change_input

),

relatives as (

    select * from {{ ref('int_gpu_price_relatives__monthly') }}

),

composites as (

    select * from {{ ref('int_gpu_index_composites') }}

),

-- Months that enough sellers can stand for.
months as (

    select
        offers.series_id,
        offers.price_month,
        row_number() over (partition by offers.series_id order by offers.price_month) as month_number
    from offers
    group by 1, 2
    having count(distinct offers.provider_id) >= {{ var('index_matched_providers') }}

),

providers as (

    select distinct
        offers.series_id,
        offers.provider_id
    from offers
    inner join months
        on offers.series_id = months.series_id

),

-- J: the geometric mean over sellers of what the same offers cost now and then, each seller counting once.
links as (

    select
        relatives.series_id,
        relatives.price_month,
        relatives.earlier_month,
        avg(relatives.log_change) as log_change,
        count(*) as provider_count
    from relatives
    group by 1, 2, 3
    having count(*) >= {{ var('index_matched_providers') }}

),

-- What counting a seller a little more would do to a link: its distance from the mean, by its share.
pulls as (

    select
        links.series_id,
        providers.provider_id,
        months.month_number,
        list({
            'earlier_number': earlier.month_number,
            'log_change': links.log_change,
            'pull': coalesce((relatives.log_change - links.log_change) / links.provider_count, 0)
        }) as links
    from links
    inner join providers
        on links.series_id = providers.series_id
    inner join months
        on
            links.series_id = months.series_id
            and links.price_month = months.price_month
    inner join months as earlier
        on
            links.series_id = earlier.series_id
            and links.earlier_month = earlier.price_month
    left join relatives
        on
            links.series_id = relatives.series_id
            and links.price_month = relatives.price_month
            and links.earlier_month = relatives.earlier_month
            and providers.provider_id = relatives.provider_id
    group by 1, 2, 3

),

-- Month by month: the mean over the linked months of the window of what was published then times the change
-- since. Where every pair of months is linked this is GEKS with a mean splice (docs/methodology.md has the
-- proof). Of months with different bases the oldest base wins; without a link a new base begins. The lists
-- hold the months of the window, the latest last.
chain as (

    select
        providers.series_id,
        providers.provider_id,
        1 as month_number,
        cast(null as bigint) as link_number,
        [1] as base_numbers,
        [cast(0 as double)] as log_indices,
        [cast(0 as double)] as influences
    from providers
    union all
    (
        with

        linked as (

            select
                chain.series_id,
                chain.provider_id,
                unnest(pulls.links) as link
            from chain
            inner join pulls
                on
                    chain.series_id = pulls.series_id
                    and chain.provider_id = pulls.provider_id
                    and chain.month_number + 1 = pulls.month_number

        ),

        -- Counted from the end of the lists, where the latest month stands at -1.
        placed as (

            select
                linked.series_id,
                linked.provider_id,
                linked.link['earlier_number'] as link_number,
                linked.link['earlier_number'] - chain.month_number - 1 as place,
                chain.base_numbers[place] as base_number,
                chain.log_indices[place] + linked.link['log_change'] as log_index,
                chain.influences[place] + linked.link['pull'] as influence
            from linked
            inner join chain
                on
                    linked.series_id = chain.series_id
                    and linked.provider_id = chain.provider_id

        ),

        based as (

            select
                placed.*,
                min(placed.base_number)
                    over (partition by placed.series_id, placed.provider_id)
                    as oldest_base
            from placed

        ),

        stepped as (

            select
                based.series_id,
                based.provider_id,
                max(based.link_number) as link_number,
                any_value(based.base_number) as base_number,
                avg(based.log_index) as log_index,
                avg(based.influence) as influence
            from based
            where based.base_number = based.oldest_base
            group by 1, 2

        )

        select
            chain.series_id,
            chain.provider_id,
            months.month_number,
            stepped.link_number,
            list_append(chain.base_numbers, coalesce(stepped.base_number, months.month_number))[{{ latest }}]
                as base_numbers,
            list_append(chain.log_indices, coalesce(stepped.log_index, 0))[{{ latest }}] as log_indices,
            list_append(chain.influences, coalesce(stepped.influence, 0))[{{ latest }}] as influences
        from chain
        inner join months
            on
                chain.series_id = months.series_id
                and chain.month_number + 1 = months.month_number
        left join stepped
            on
                chain.series_id = stepped.series_id
                and chain.provider_id = stepped.provider_id
    )

),

chained as (

    select
        chain.series_id,
        chain.provider_id,
        months.price_month as index_month,
        bases.price_month as base_month,
        linked.price_month as link_month,
        -- Every seller carries it along; sums in another order differ in the last digit.
        min(chain.log_indices[-1]) over (partition by chain.series_id, chain.month_number) as log_index,
        chain.influences[-1] as influence
    from chain
    inner join months
        on
            chain.series_id = months.series_id
            and chain.month_number = months.month_number
    inner join months as bases
        on
            chain.series_id = bases.series_id
            and chain.base_numbers[-1] = bases.month_number
    left join months as linked
        on
            chain.series_id = linked.series_id
            and chain.link_number = linked.month_number

),

indices as (

    select distinct
        chained.series_id,
        chained.index_month,
        chained.base_month,
        chained.link_month,
        chained.log_index
    from chained

),

-- A composite begins in the first month in which all its components have an index, and again when one of them
-- begins again.
components as (

    select
        composites.*,
        indices.index_month,
        indices.link_month,
        indices.log_index,
        list(indices.base_month) over (
            partition by composites.series_id, indices.index_month
            order by composites.component_id
            rows between unbounded preceding and unbounded following
        ) as bases
    from composites
    inner join indices
        on composites.component_id = indices.series_id

),

based as (

    select
        components.*,
        min(components.index_month) over (partition by components.series_id, components.bases) as base_month
    from components
    where len(components.bases) = components.component_count

),

since_base as (

    select
        based.*,
        based.log_index - bases.log_index as log_change
    from based
    inner join based as bases
        on
            based.series_id = bases.series_id
            and based.component_id = bases.component_id
            and based.base_month = bases.index_month

),

composed as (

    select
        since_base.series_id,
        since_base.index_month,
        since_base.base_month,
        max(since_base.link_month) as link_month,
        sum(since_base.weight_ratio * since_base.log_change) as log_index
    from since_base
    group by 1, 2, 3

),

composed_influences as (

    select
        since_base.series_id,
        since_base.index_month,
        chained.provider_id,
        sum(since_base.weight_ratio * (chained.influence - bases.influence)) as influence
    from since_base
    inner join chained
        on
            since_base.component_id = chained.series_id
            and since_base.index_month = chained.index_month
    inner join chained as bases
        on
            since_base.component_id = bases.series_id
            and since_base.base_month = bases.index_month
            and chained.provider_id = bases.provider_id
    group by 1, 2, 3

),

final as (

    select
        chained.series_id,
        chained.index_month,
        chained.provider_id,
        chained.base_month,
        chained.link_month,
        chained.log_index,
        chained.influence
    from chained
    union all
    select
        composed.series_id,
        composed.index_month,
        composed_influences.provider_id,
        composed.base_month,
        composed.link_month,
        composed.log_index,
        composed_influences.influence
    from composed
    inner join composed_influences
        on
            composed.series_id = composed_influences.series_id
            and composed.index_month = composed_influences.index_month

)

select * from final
