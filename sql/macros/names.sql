{#- Lower case, words of letters and digits: what the rules of gpu_rules match against. -#}
{% macro name_words(column) -%}
    trim(regexp_replace(lower({{ column }}), '[^a-z0-9]+', ' ', 'g'))
{%- endmacro %}

{#- Lower-case letters and digits alone: the form of provider_aliases.alias. -#}
{% macro name_letters(column) -%}
    regexp_replace(lower({{ column }}), '[^a-z0-9]+', '', 'g')
{%- endmacro %}

{#- Lower-case words joined by dashes: the form of model_aliases.alias. -#}
{% macro name_dashed(column) -%}
    trim(regexp_replace(lower({{ column }}), '[^a-z0-9]+', '-', 'g'), '-')
{%- endmacro %}

{#- The columns of a list, qualified and separated by commas. -#}
{% macro columns_of(relation, columns) -%}
    {{ relation }}.{{ columns | join(", " ~ relation ~ ".") }}
{%- endmacro %}

{#- Key of a series of token prices in its source. Defaults are left out: most are seller, model and component. -#}
{% macro token_series_key(relation) -%}
    concat_ws(
        ' | ',
        {{ relation }}.host_raw,
        {{ relation }}.model_raw,
        {{ relation }}.component,
        case when {{ relation }}.unit != 'usd_per_mtok' then {{ relation }}.unit end,
        case when {{ relation }}.service_tier != 'standard' then {{ relation }}.service_tier end,
        case when {{ relation }}.min_context_tokens > 0 then 'from ' || {{ relation }}.min_context_tokens end,
        nullif({{ relation }}.utc_window, ''),
        nullif({{ relation }}.quantization, '')
    )
{%- endmacro %}

{#- Family of a base model: the first word of its id. -#}
{% macro model_family(model_id) -%}
    coalesce(nullif(regexp_extract(regexp_replace({{ model_id }}, '^chat', ''), '^[a-z]+'), ''), {{ model_id }})
{%- endmacro %}

{#- Id of a series of rental prices: what may be compared is one accelerator, segment, kind of sale and term. -#}
{% macro gpu_series_id(relation, segment=none) -%}
    {{ segment or relation ~ '.segment' }} || '/' || {{ relation }}.purchase_type || '/'
    || {{ relation }}.commitment_months || '/' || {{ relation }}.gpu_id
{%- endmacro %}
