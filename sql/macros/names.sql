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
