-- The curated figures behind margins and costs: each key once, each name one that is known.
with

keys as (

    {% for seed, key in [
        ('throughput_references', 'throughput_id'), ('model_shapes', 'model_id'), ('margin_cases', 'case_id'),
        ('margin_case_expectations', 'expectation_id'), ('training_runs', 'run_id'),
        ('ownership_assumptions', 'assumption'), ('published_claims', 'claim_id'),
        ('owner_costs', "gpu_id || published_date"), ('rent_vs_buy_scenarios', "parameter || value"),
    ] %}
    select
        '{{ seed }}' as seed,
        cast({{ key }} as varchar) as key_text
    from {{ ref(seed) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

names as (

    {% for seed, column, known in [
        ('throughput_references', 'model_id', 'models'), ('throughput_references', 'gpu_id', 'gpus'),
        ('model_shapes', 'model_id', 'models'), ('owner_costs', 'gpu_id', 'gpus'),
        ('margin_cases', 'model_id', 'models'), ('margin_cases', 'gpu_id', 'gpus'),
        ('margin_cases', 'throughput_id', 'throughput_references'),
        ('training_runs', 'model_id', 'models'), ('training_runs', 'gpu_id', 'gpus'),
    ] %}
    select
        '{{ seed }}' as seed,
        curated.{{ column }} as name_text
    from {{ ref(seed) }} as curated
    left join {{ ref(known) }} as known
        on curated.{{ column }} = known.{{ column }}
    where curated.{{ column }} is not null and known.{{ column }} is null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    keys.seed,
    keys.key_text as wrong
from keys
group by 1, 2
having count(*) > 1
union all
select
    names.seed,
    names.name_text as wrong
from names
union all
select
    'rent_vs_buy_scenarios' as seed,
    parameter as wrong
from {{ ref('rent_vs_buy_scenarios') }}
group by 2
having count(case when is_headline then 1 end) != 1
