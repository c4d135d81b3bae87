-- What people may call inside a release; the publication creates it there. A parameter that is named like a column
-- needs that column under another name in the same select.

create macro marts.gpu_price(
    gpu, day, segment := 'neocloud', purchase_type := 'on_demand', commitment_months := 0
) as (
    select cells.level_usd_per_gpu_hour
    from (
        select
            levels.gpu_id,
            levels.price_date,
            levels.segment as cell_segment,
            levels.purchase_type as cell_purchase_type,
            levels.commitment_months as cell_commitment_months,
            levels.level_usd_per_gpu_hour
        from marts.gpu_price_trends_daily as levels
        where levels.status != 'suppressed'
    ) as cells
    where
        cells.gpu_id = lower(gpu)
        and cells.price_date = cast(day as date)
        and cells.cell_segment = segment
        and cells.cell_purchase_type = purchase_type
        and cells.cell_commitment_months = commitment_months
);

comment on macro marts.gpu_price is 'What one accelerator-hour cost in USD on a day: the supported level of one cell of gpu_price_trends_daily, the median over sellers. Null where the cell has no supported level that day; cells are never blended.';

create macro marts.gpu_prices(gpu, day) as table (
    select
        prices.provider_id,
        prices.segment,
        prices.purchase_type,
        prices.commitment_months,
        prices.median_usd_per_gpu_hour,
        prices.min_usd_per_gpu_hour,
        prices.offer_count,
        prices.last_observed_at,
        prices.is_index_input
    from marts.gpu_prices_daily as prices
    where
        prices.gpu_id = lower(gpu)
        and prices.price_date = cast(day as date)
    order by prices.median_usd_per_gpu_hour, prices.provider_id, prices.purchase_type, prices.commitment_months
);

comment on macro table marts.gpu_prices is 'Who rented out an accelerator on a day, cheapest first: one row per seller, kind of sale and term, USD per accelerator-hour, from gpu_prices_daily.';

create macro marts.token_price(model, day, host := null, component := 'blended') as (
    select
        cast(
            median(
                case component
                    when 'blended' then prices.blended_usd_per_mtok
                    when 'input' then prices.input_usd_per_mtok
                    when 'output' then prices.output_usd_per_mtok
                    when 'cache_read' then prices.cache_read_usd_per_mtok
                    else error('component is blended, input, output or cache_read')
                end
            ) as decimal(18, 9)
        )
    from marts.token_prices_daily as prices
    where
        prices.model_id = lower(model)
        and prices.price_date = cast(day as date)
        and (host is null or prices.host_id = lower(host))
        and prices.is_primary
        and not prices.is_free
);

comment on macro marts.token_price is 'What a million tokens of a model cost in USD on a day: the median over the hosts that ask a price, or the price of one host. The blend is (3 x input + output) / 4. Null where nobody asks a price that day; free offers do not count.';

create macro marts.token_prices(model, day) as table (
    select
        prices.host_id,
        prices.input_usd_per_mtok,
        prices.output_usd_per_mtok,
        prices.cache_read_usd_per_mtok,
        prices.blended_usd_per_mtok,
        prices.is_free,
        prices.source_id,
        prices.last_observed_at
    from marts.token_prices_daily as prices
    where
        prices.model_id = lower(model)
        and prices.price_date = cast(day as date)
        and prices.is_primary
    order by prices.blended_usd_per_mtok, prices.host_id
);

comment on macro table marts.token_prices is 'Who sold the tokens of a model on a day, cheapest first: one row per host, USD per million tokens, from the primary rows of token_prices_daily.';
