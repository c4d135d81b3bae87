{#- What engines say differently; models say it through these. -#}

{#- One row per day from the first to the last, both included. -#}
{% macro days_between(first_date, last_date) -%}
    {{ return(adapter.dispatch("days_between", "aimarket")(first_date, last_date)) }}
{%- endmacro %}

{% macro default__days_between(first_date, last_date) -%}
    cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval 1 day)) as date)
{%- endmacro %}

{#- One row per month, its first day, from the month of the first date to that of the last. -#}
{% macro months_between(first_date, last_date) -%}
    {{ return(adapter.dispatch("months_between", "aimarket")(first_date, last_date)) }}
{%- endmacro %}

{% macro default__months_between(first_date, last_date) -%}
    cast(unnest(generate_series(date_trunc('month', {{ first_date }}), {{ last_date }}, interval 1 month)) as date)
{%- endmacro %}

{#- One row per whole number from 1 to the last. -#}
{% macro numbers_to(last) -%}
    {{ return(adapter.dispatch("numbers_to", "aimarket")(last)) }}
{%- endmacro %}

{% macro default__numbers_to(last) -%}
    cast(unnest(generate_series(1, cast({{ last }} as integer))) as integer)
{%- endmacro %}

{#- The value a share of the rows lies below, interpolated. -#}
{% macro quantile(column, share) -%}
    {{ return(adapter.dispatch("quantile", "aimarket")(column, share)) }}
{%- endmacro %}

{% macro default__quantile(column, share) -%}
    quantile_cont({{ column }}, {{ share }})
{%- endmacro %}

{% macro median(column) -%}
    {{ quantile(column, 0.5) }}
{%- endmacro %}

{#- Does the text contain a match of the regular expression? -#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch("matches", "aimarket")(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{#- How alike two names are, 0 to 1. -#}
{% macro name_similarity(one, other) -%}
    {{ return(adapter.dispatch("name_similarity", "aimarket")(one, other)) }}
{%- endmacro %}

{% macro default__name_similarity(one, other) -%}
    jaro_winkler_similarity({{ one }}, {{ other }})
{%- endmacro %}

{#- The date a text of eight digits says, dashes left out; null where it says none. -#}
{% macro day_of(text) -%}
    {{ return(adapter.dispatch("day_of", "aimarket")(text)) }}
{%- endmacro %}

{% macro default__day_of(text) -%}
    cast(try_strptime(replace({{ text }}, '-', ''), '%Y%m%d') as date)
{%- endmacro %}

{#- A list of numbers, each divided by a number. -#}
{% macro divided(numbers, divisor) -%}
    {{ return(adapter.dispatch("divided", "aimarket")(numbers, divisor)) }}
{%- endmacro %}

{% macro default__divided(numbers, divisor) -%}
    list_transform({{ numbers }}, lambda number: number / {{ divisor }})
{%- endmacro %}

{#- A list of numbers less as many of another list, times a factor. -#}
{% macro less_multiple(numbers, others, factor) -%}
    {{ return(adapter.dispatch("less_multiple", "aimarket")(numbers, others, factor)) }}
{%- endmacro %}

{% macro default__less_multiple(numbers, others, factor) -%}
    list_transform({{ numbers }}, lambda number, place: number - {{ others }}[place] * {{ factor }})
{%- endmacro %}

{#- Mean, over a list of (place, step), of the number at the place plus the step; null where the list is. -#}
{% macro mean_of_steps(steps, numbers) -%}
    {{ return(adapter.dispatch("mean_of_steps", "aimarket")(steps, numbers)) }}
{%- endmacro %}

{% macro default__mean_of_steps(steps, numbers) -%}
    list_aggregate(list_transform({{ steps }}, lambda s: {{ numbers }}[s.place] + s.step), 'avg')
{%- endmacro %}

{#- A number between 0 and 1 that follows from the text alone and is spread evenly over texts. -#}
{% macro uniform_of(text) -%}
    {{ return(adapter.dispatch("uniform_of", "aimarket")(text)) }}
{%- endmacro %}

{% macro default__uniform_of(text) -%}
    ((cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) + 0.5) / 4294967296)
{%- endmacro %}
