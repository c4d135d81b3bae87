{#-
    The steps that lead from a model's name as written to the name of its base model, in their order. Each
    works on what the steps before left; the first form that is an alias decides, and its step is the rule.
    [rule, expression of the text `name`].
-#}
{%- set hosting = '(-(fp4|fp8|fp16|bf16|int4|int8|awq|nvfp4|mxfp4|gguf|tee|fast|free|maas|hf|basic|tput|nitro'
    ~ '|exacto|original|cheaper|reference|dynamic|vllm|versatile|sambanova|cs|cloud))+$' -%}
{%- set date_tag = '-(20[0-9]{2}-?[01][0-9]-?[0-3][0-9]|[01][0-9]-20[0-9]{2}|[01][0-9]-[0-3][0-9]'
    ~ '|0[0-9]{3}|1[0-2][0-3][0-9]|00[0-9])$' -%}
{%- set effort = '^((o[134]|gpt-|claude-|grok-|gemini-|qwen3|deepseek-|glm-|kimi-|mimo-|ernie-).*?)'
    ~ '(-(minimal|low|medium|high|xhigh|max|none|default|think|thinking|nothink|nothinking|no-think'
    ~ '|no-thinking|[0-9]+k-think|[0-9]+k-thinking|thinking-[0-9]{2,}k|thinking-[0-9]{4,}|tokens|diff'
    ~ '|reasoner))+$' -%}
{%- set steps = [
    ['as written', "trim(regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g'), '-')"],
    ['path and tail left out', "trim(regexp_replace(regexp_replace(regexp_replace("
        ~ "lower(name), '^.*(/|%2f)', ''), '[:@][a-z].*$', ''), '[^a-z0-9]+', '-', 'g'), '-')"],
    ['spelling', "regexp_replace(regexp_replace(regexp_replace(name, '([0-9])p([0-9])', '\\1-\\2', 'g'),"
        ~ " '^(meta-)?llama-?v?([0-9])', 'llama-\\2'), '^qwen-([0-9])', 'qwen\\1')"],
    ['region left out', "regexp_replace(name, '^(us-gov|us|eu|apac|au|jp|global)-', '')"],
    ['maker left out', "regexp_replace(regexp_replace(regexp_replace(name, '^(anthropic|amazon|azure|ai21"
        ~ "|alibaba|baidu|bytedance-seed|cohere|databricks|deepseek-ai|google|meta|microsoft|minimaxai"
        ~ "|mistralai|moonshotai|nvidia|openai|tencent|thudm|xai|x-ai|z-ai|zai-org|zai|stepfun-ai)-', ''),"
        ~ " '^(qwen|deepseek|mistral|minimax|moonshot)-"
        ~ "(qwen|deepseek|mistral|mixtral|ministral|magistral|devstral|pixtral|voxtral|minimax|kimi)', '\\2'),"
        ~ " '^(meta-)?llama-?v?([0-9])', 'llama-\\2')"],
    ['version of the host left out', "regexp_replace(name, '-v[0-9]+(-[0-9]+)?(-[0-9]+k)?$', '')"],
    ['way of hosting left out', "regexp_replace(name, '" ~ hosting ~ "', '')"],
    ['date left out', "regexp_replace(name, '" ~ date_tag ~ "', '')"],
    ['effort left out', "regexp_replace(name, '" ~ effort ~ "', '\\1')"],
    ['grok without reasoning', "regexp_replace(name, '^(grok-.*?)(-beta)?(-latest)?(-non)?-reasoning$', '\\1')"],
    ['turn of training left out',
        "regexp_replace(name, '(-(instruct|chat|it|latest|preview|beta|exp))+$', '')"],
    ['way of hosting left out', "regexp_replace(name, '" ~ hosting ~ "', '')"],
    ['turbo of an open model',
        "regexp_replace(name, '^((llama|deepseek|qwen2|qwen3-coder|mixtral|gemma|gpt-oss).*)-turbo$', '\\1')"],
    ['date left out', "regexp_replace(name, '" ~ date_tag ~ "', '')"],
    ['version of the host left out', "regexp_replace(name, '-v[0-9]+(-[0-9]+)?(-[0-9]+k)?$', '')"],
    ['turn of training left out',
        "regexp_replace(name, '(-(instruct|chat|it|latest|preview|beta|exp))+$', '')"],
    ['effort left out', "regexp_replace(name, '" ~ effort ~ "', '\\1')"],
] -%}

with

token_prices as (

    select * from {{ ref('stg_token_prices') }}

),

scores as (

    select * from {{ ref('stg_leaderboard_scores') }}

),

facts as (

    select * from {{ ref('stg_model_facts') }}

),

throughput as (

    select * from {{ ref('stg_throughput') }}

),

provider_names as (

    select * from {{ ref('int_provider_names__matched') }}
    where market = 'token'

),

aliases as (

    select * from {{ ref('model_aliases') }}

),

mentions as (

    select
        'token_prices' as contract,
        token_prices.source_id,
        token_prices.host_raw,
        token_prices.model_raw,
        count(*) as row_count,
        min(token_prices.observed_at) as first_observed_at,
        max(token_prices.observed_until) as last_observed_at
    from token_prices
    group by 1, 2, 3, 4
    union all
    select
        'leaderboard_scores' as contract,
        scores.source_id,
        cast('' as varchar) as host_raw,
        scores.model_raw,
        count(*) as row_count,
        min(scores.observed_at) as first_observed_at,
        max(scores.observed_until) as last_observed_at
    from scores
    group by 1, 2, 3, 4
    union all
    select
        'model_facts' as contract,
        facts.source_id,
        facts.host_raw,
        facts.model_raw,
        count(*) as row_count,
        min(facts.observed_at) as first_observed_at,
        max(facts.observed_until) as last_observed_at
    from facts
    group by 1, 2, 3, 4
    union all
    select
        'throughput' as contract,
        throughput.source_id,
        cast('' as varchar) as host_raw,
        throughput.model_raw,
        count(*) as row_count,
        min(throughput.observed_at) as first_observed_at,
        max(throughput.observed_until) as last_observed_at
    from throughput
    group by 1, 2, 3, 4

),

step_0 as (

    select distinct
        mentions.model_raw,
        {{ steps[0][1] | replace('name', 'mentions.model_raw') }} as name_0,
        {{ steps[1][1] | replace('name', 'mentions.model_raw') }} as name_1
    from mentions

),

{%- for step in range(2, steps | length) %}

step_{{ step - 1 }} as (

    select
        step_{{ step - 2 }}.*,
        {{ steps[step][1] | replace('(name,', '(step_' ~ (step - 2) ~ '.name_' ~ (step - 1) ~ ',') }}
            as name_{{ step }}
    from step_{{ step - 2 }}

),

{%- endfor %}

forms as (

    {% for step in range(steps | length) %}
    select
        reduced.model_raw,
        {{ step }} as step,
        '{{ steps[step][0] }}' as match_rule,
        reduced.name_{{ step }} as form
    from step_{{ (steps | length) - 2 }} as reduced
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Per name and host: an alias at that host beats a general one, an early form beats a late one.
ranked as (

    select
        mentions.*,
        provider_names.provider_id as host_id,
        forms.match_rule,
        aliases.model_id,
        aliases.valid_from,
        aliases.valid_to,
        dense_rank() over (
            partition by mentions.contract, mentions.source_id, mentions.host_raw, mentions.model_raw
            order by forms.step, aliases.host_id is null
        ) as place
    from mentions
    left join provider_names
        on
            mentions.source_id = provider_names.source_id
            and mentions.host_raw = provider_names.provider_raw
    inner join forms
        on mentions.model_raw = forms.model_raw
    inner join aliases
        on
            forms.form = aliases.alias
            and coalesce(aliases.host_id, provider_names.provider_id, '')
            = coalesce(provider_names.provider_id, '')

),

final as (

    select
        mentions.contract,
        mentions.source_id,
        mentions.host_raw,
        mentions.model_raw,
        ranked.model_id,
        ranked.match_rule,
        coalesce(ranked.valid_from, date '0001-01-01') as valid_from,
        coalesce(ranked.valid_to, date '9999-12-31') as valid_to,
        mentions.row_count,
        mentions.first_observed_at,
        mentions.last_observed_at
    from mentions
    left join ranked
        on
            mentions.contract = ranked.contract
            and mentions.source_id = ranked.source_id
            and mentions.host_raw = ranked.host_raw
            and mentions.model_raw = ranked.model_raw
            and ranked.place = 1

)

select * from final
