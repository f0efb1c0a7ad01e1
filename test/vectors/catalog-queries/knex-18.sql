-- knex 3.3.0, asking PostgreSQL 18 about schema.sql; each statement once, as the server's log has it. OIDs are written {{catalog name}}.

select version();

set search_path to "shop";

-- parameters: ["customers"]
select * from information_schema.columns where table_name = $1 and table_catalog = current_database() and table_schema = current_schema();

-- parameters: ["customers"]
select * from information_schema.tables where table_name = $1 and table_schema = current_schema();

-- parameters: ["customers","name"]
select * from information_schema.columns where table_name = $1 and column_name = $2 and table_schema = current_schema();

-- parameters: ["orders","shop"]
select * from information_schema.tables where table_name = $1 and table_schema = $2;
