{#- Months a comparison reaches back, so that 25 months stand together. -#}
{%- set longest_months = 24 %}
{#- Ten times or a tenth of a price is another thing under the same name, or a slip. -#}
{%- set largest_factor = 10 %}
{%- set bases = ['blended', 'input', 'output', 'blended_cached_50', 'blended_cached_90'] %}

with

lines as (

    select * from {{ ref('int_token_prices__monthly') }}
    where is_seen

),

priced as (

    select
        lines.*,
        ln(lines.input_usd_per_mtok) as log_input,
        ln(lines.output_usd_per_mtok) as log_output,
        {% for cached_pct in [50, 90] %}
        ln(
            {{ cached_blend_usd_per_mtok(
                'lines.input_usd_per_mtok', 'lines.cache_read_usd_per_mtok', 'lines.output_usd_per_mtok',
                cached_pct / 100
            ) }}
        ) as log_blended_cached_{{ cached_pct }},
        {% endfor %}
        ln({{ blended_usd_per_mtok('lines.input_usd_per_mtok', 'lines.output_usd_per_mtok') }}) as log_blended
    from lines

),

-- A line is compared with itself alone: the same name at the same host in the same source.
paired as (

    select
        earlier.price_month as from_month,
        later.price_month as to_month,
        later.lab_id,
        later.model_id,
        {% for basis in bases %}
        later.log_{{ basis }} - earlier.log_{{ basis }} as log_change_{{ basis }},
        {% endfor %}
        later.host_id
    from priced as earlier
    inner join priced as later
        on
            earlier.source_id = later.source_id
            and earlier.host_raw = later.host_raw
            and earlier.model_raw = later.model_raw
            and earlier.quantization = later.quantization
            and earlier.host_id = later.host_id
            and earlier.model_id = later.model_id
            and earlier.price_month < later.price_month
            and earlier.price_month >= later.price_month - interval {{ longest_months }} month

),

compared as (

    {% for basis in bases %}
    select
        paired.from_month,
        paired.to_month,
        paired.lab_id,
        paired.model_id,
        paired.host_id,
        '{{ basis }}' as price_basis,
        paired.log_change_{{ basis }} as log_change,
        abs(paired.log_change_{{ basis }}) >= ln({{ largest_factor }}) - 1e-9 as is_excluded
    from paired
    where paired.log_change_{{ basis }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Equal voices: the lines of a host, the hosts of a model, the models of a family, the families of a lab.
by_host as (

    select
        compared.price_basis,
        compared.from_month,
        compared.to_month,
        compared.lab_id,
        compared.model_id,
        compared.host_id,
        avg(case when not compared.is_excluded then compared.log_change end) as log_change,
        count(case when not compared.is_excluded then 1 end) as line_count,
        count(case when compared.is_excluded then 1 end) as excluded_count
    from compared
    group by 1, 2, 3, 4, 5, 6

),

by_model as (

    select
        by_host.price_basis,
        by_host.from_month,
        by_host.to_month,
        by_host.lab_id,
        {{ model_family('by_host.model_id') }} as model_family,
        by_host.model_id,
        avg(by_host.log_change) as log_change,
        sum(by_host.line_count) as line_count,
        sum(by_host.excluded_count) as excluded_count
    from by_host
    group by 1, 2, 3, 4, 5, 6

),

by_family as (

    select
        by_model.price_basis,
        by_model.from_month,
        by_model.to_month,
        by_model.lab_id,
        by_model.model_family,
        avg(by_model.log_change) as log_change,
        count(by_model.log_change) as model_count,
        sum(by_model.line_count) as line_count,
        sum(by_model.excluded_count) as excluded_count
    from by_model
    group by 1, 2, 3, 4, 5

),

final as (

    select
        by_family.price_basis,
        by_family.from_month,
        by_family.to_month,
        by_family.lab_id,
        avg(by_family.log_change) as log_change,
        sum(by_family.model_count) as model_count,
        sum(by_family.line_count) as line_count,
        sum(by_family.excluded_count) as excluded_count
    from by_family
    group by 1, 2, 3, 4

)

select * from final
