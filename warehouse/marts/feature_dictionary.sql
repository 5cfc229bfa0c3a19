-- Every feature: its unit, what it says, whose definition it follows, and after how many bars it begins.
create view marts.feature_dictionary as
select
    column_name as feature,
    regexp_extract(comment, '^\[([^\]]*)\]', 1) as unit,
    regexp_extract(comment, '^\[[^\]]*\] (.*); source: ', 1) as description,
    regexp_extract(comment, '; source: (.*); warm-up: ', 1) as source,
    cast(regexp_extract(comment, '; warm-up: (\d+) bars$', 1) as bigint) as warm_up_bars
from duckdb_columns()
where schema_name = 'processed_features' and table_name = 'features' and comment like '%; warm-up: % bars'
order by column_index;
