-- Ways to learn a name that policy hides, written by hand. {{catalog name}} is an OID. Each is refused, or its answer has no such name.

SELECT * FROM pg_class;

SELECT nspname FROM pg_namespace;

SELECT relname FROM ONLY pg_catalog.pg_class;

TABLE pg_catalog.pg_class;

SELECT c FROM pg_class c;

SELECT row_to_json(c) FROM pg_class c;

SELECT c.* FROM pg_class AS c (a, b);

SELECT pg_class.relname FROM pg_catalog.pg_class, LATERAL (SELECT pg_class.relname AS again) x;

SELECT relname FROM pg_class TABLESAMPLE system (100);

SELECT relname FROM pg_class FOR UPDATE;

SELECT relname FROM pg_class FOR KEY SHARE;

WITH pg_class AS (SELECT relname FROM pg_catalog.pg_class) SELECT * FROM pg_class;

WITH RECURSIVE t(o) AS (SELECT oid FROM pg_class UNION ALL SELECT i.inhrelid FROM t JOIN pg_inherits i ON i.inhparent = t.o) SELECT o::regclass FROM t;

SELECT (SELECT string_agg(relname, ',') FROM pg_catalog.pg_class);

SELECT ARRAY(SELECT relname FROM pg_class);

SELECT relname FROM pg_class WHERE EXISTS (SELECT 1 FROM pg_namespace n WHERE n.oid = relnamespace AND nspname LIKE 'canary%');

SELECT relname FROM pg_class UNION SELECT proname FROM pg_proc UNION SELECT typname FROM pg_type UNION SELECT attname FROM pg_attribute;

SELECT conname, conrelid::regclass, confrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint;

SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'shop.tied'::regclass;

SELECT tgname, tgfoid::regproc, tgconstrrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger;

SELECT adbin, pg_get_expr(adbin, adrelid) FROM pg_attrdef;

SELECT polname, pg_get_expr(polqual, polrelid), polqual::text FROM pg_policy;

SELECT rulename, ev_action::text, pg_get_ruledef(oid) FROM pg_rewrite;

SELECT description FROM pg_description;

SELECT enumlabel, enumtypid::regtype FROM pg_enum;

SELECT prosrc, proname, pg_get_functiondef(oid) FROM pg_proc WHERE prokind = 'f' AND oid >= 16384;

SELECT opcname FROM pg_opclass UNION SELECT opfname FROM pg_opfamily UNION SELECT collname FROM pg_collation UNION SELECT conname FROM pg_conversion;

SELECT cfgname FROM pg_ts_config UNION SELECT dictname FROM pg_ts_dict UNION SELECT stxname FROM pg_statistic_ext;

SELECT evtname, evtfoid::regproc FROM pg_event_trigger;

SELECT castsource::regtype, casttarget::regtype FROM pg_cast;

SELECT * FROM pg_default_acl;

SELECT defaclnamespace::regnamespace FROM pg_default_acl;

SELECT rngtypid::regtype FROM pg_range;

SELECT aggfnoid FROM pg_aggregate WHERE aggfnoid >= 16384;

SELECT classid::regclass, objid, refobjid, pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid) FROM pg_depend;

SELECT (pg_identify_object(classid, objid, objsubid)).* FROM pg_depend;

SELECT (pg_identify_object_as_address(refclassid, refobjid, refobjsubid)).* FROM pg_depend;

SELECT pg_describe_object(1259, 16500 + g, 0) FROM generate_series(0, 200) g;

SELECT pg_describe_object('pg_class'::regclass, {{pg_class canary_hr.canary_staff}}, 0);

SELECT pg_describe_object('pg_namespace'::regclass, {{pg_namespace canary_hr}}, 0);

SELECT pg_describe_object(1259, relpages::oid, 0) FROM pg_class;

SELECT g::oid::regclass FROM generate_series(16384, 17000) g;

SELECT g::int4::regclass FROM generate_series(16384, 17000) g;

SELECT (g::text)::regclass FROM generate_series(16384, 17000) g;

SELECT g::oid::regproc, g::oid::regtype, g::oid::regnamespace, g::oid::regprocedure FROM generate_series(16384, 17000) g;

SELECT {{pg_class canary_hr.canary_staff}}::regclass;

SELECT '{{pg_class canary_hr.canary_staff}}'::regclass;

SELECT {{pg_class canary_hr.canary_staff}}::oid::regclass::text;

SELECT CAST({{pg_type canary_hr.canary_mood}} AS regtype);

SELECT {{pg_namespace canary_hr}}::regnamespace;

SELECT {{pg_proc canary_hr.canary_fn(integer)}}::regprocedure;

SELECT ARRAY[{{pg_class canary_hr.canary_staff}}]::regclass[];

SELECT '{ {{pg_class canary_hr.canary_staff}} }'::regclass[];

SELECT ARRAY[{{pg_class canary_hr.canary_staff}}::oid]::oid[]::regclass[];

SELECT array_agg(g::oid)::regclass[] FROM generate_series(16384, 17000) g;

SELECT 'canary_hr.canary_staff'::regclass::oid;

SELECT to_regclass('canary_hr.canary_staff');

SELECT to_regclass('canary_' || 'hr.canary_staff');

SELECT to_regtype('canary_hr.canary_mood'), to_regproc('canary_hr.canary_fn'), to_regnamespace('canary_hr');

-- parameters: ["16500"]
SELECT $1::regclass;

-- parameters: ["16500"]
SELECT $1::oid::regclass;

-- parameters: ["canary_hr.canary_staff"]
SELECT to_regclass($1);

-- parameters: ["canary_hr.canary_staff"]
SELECT $1::text::regclass;

SELECT x FROM json_to_record('{"x": 16500}') AS t(x regclass);

SELECT x FROM json_to_recordset('[{"x": "16500"}]') AS t(x regclass[]);

SELECT json_populate_record(NULL::pg_type, '{"typinput": "{{pg_proc canary_hr.canary_fn(integer)}}"}')::text;

SELECT (jsonb_populate_record(NULL::pg_aggregate, '{"aggfnoid": {{pg_proc canary_hr.canary_fn(integer)}}}')).*;

SELECT (NULL::canary_hr.canary_staff).*;

SELECT json_populate_record(NULL::canary_hr.canary_staff, '{}');

SELECT row_to_json(ROW(1, 'a', NULL, NULL)::canary_hr.canary_staff);

SELECT enum_range(NULL::canary_hr.canary_mood);

SELECT enum_first(NULL::canary_hr.canary_mood);

SELECT 'x'::canary_hr.canary_mail;

SELECT x FROM jsonb_to_record('{}') AS t(x canary_hr.canary_pair);

SELECT pg_typeof(NULL::canary_hr.canary_pair);

SELECT enum_in('x', {{pg_type canary_hr.canary_mood}});

SELECT format_type({{pg_type canary_hr.canary_mood}}, NULL);

SELECT format_type(g::oid, NULL) FROM generate_series(16384, 17000) g;

SELECT format_type(atttypid, attrelid::int) FROM pg_attribute;

SELECT pg_get_viewdef('canary_hr.canary_view'::regclass);

SELECT pg_get_viewdef('canary_hr.canary_view');

SELECT pg_get_viewdef('shop.mixed');

SELECT pg_get_viewdef('shop.mixed'::regclass);

SELECT pg_get_viewdef({{pg_class shop.mixed}});

SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v' AND relname = 'mixed';

SELECT pg_get_viewdef(ev_class) FROM pg_rewrite;

SELECT pg_get_viewdef((SELECT oid FROM pg_class WHERE relname = 'mixed'));

SELECT pg_get_viewdef(relname::text) FROM pg_class WHERE relkind = 'v';

SELECT pg_get_functiondef({{pg_proc canary_hr.canary_fn(integer)}});

SELECT pg_get_functiondef('canary_hr.canary_fn'::regproc);

SELECT pg_get_function_arguments({{pg_proc canary_hr.canary_fn(integer)}});

SELECT pg_get_indexdef({{pg_class canary_hr.canary_index}});

SELECT pg_get_indexdef('shop.tied_index'::regclass);

SELECT pg_get_indexdef(oid) FROM pg_class WHERE relkind = 'i';

SELECT pg_get_indexdef(g) FROM (SELECT indexrelid + 0 AS g FROM pg_index) x;

SELECT pg_get_constraintdef(g::oid) FROM generate_series(16384, 17000) g;

SELECT pg_get_triggerdef(g::oid) FROM generate_series(16384, 17000) g;

SELECT pg_get_ruledef(g::oid) FROM generate_series(16384, 17000) g;

SELECT pg_get_ruledef({{pg_rewrite canary_rule canary_hr.canary_staff}});

SELECT pg_get_triggerdef({{pg_trigger canary_tied_trigger}});

SELECT pg_get_statisticsobjdef({{pg_statistic_ext canary_stats}});

SELECT pg_get_partkeydef({{pg_class canary_hr.canary_pay}});

SELECT pg_get_expr(indexprs, {{pg_class canary_hr.canary_staff}}) FROM pg_index WHERE indexprs IS NOT NULL;

SELECT pg_get_expr(conbin, {{pg_class canary_hr.canary_staff}}) FROM pg_constraint WHERE conbin IS NOT NULL;

SELECT obj_description({{pg_class canary_hr.canary_staff}}, 'pg_class');

SELECT obj_description({{pg_class canary_hr.canary_staff}});

SELECT obj_description(g::oid, 'pg_class') FROM generate_series(16384, 17000) g;

SELECT col_description({{pg_class canary_hr.canary_staff}}, 2);

SELECT obj_description(({{pg_class canary_hr.canary_staff}} + relnatts * 0)::oid, 'pg_class') FROM pg_class;

SELECT has_table_privilege('canary_hr.canary_staff', 'select');

SELECT has_column_privilege('canary_hr.canary_staff', 'canary_name', 'select');

SELECT has_schema_privilege('canary_hr', 'usage');

SELECT pg_relation_size('canary_hr.canary_staff');

SELECT pg_total_relation_size({{pg_class canary_hr.canary_staff}});

SELECT pg_table_is_visible({{pg_class canary_hr.canary_staff}});

SELECT pg_relation_filepath('canary_hr.canary_staff');

SELECT pg_filenode_relation(0, 16500);

SELECT pg_filenode_relation(reltablespace, relfilenode) FROM pg_class;

SELECT * FROM pg_partition_tree('shop.orders');

SELECT pg_partition_root('canary_hr.canary_pay_part');

SELECT relid FROM pg_class c, pg_partition_tree(c.oid);

SELECT pg_get_serial_sequence('canary_hr.canary_staff', 'canary_id');

SELECT currval('canary_hr.canary_seq');

SELECT (pg_sequence_parameters({{pg_class canary_hr.canary_seq}})).*;

SELECT (pg_get_object_address('table', '{canary_hr,canary_staff}', '{}')).*;

SELECT * FROM pg_get_publication_tables('canary_publication');

SELECT pg_input_is_valid('canary_hr.canary_staff', 'regclass');

SELECT * FROM information_schema.tables;

SELECT * FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema');

SELECT * FROM information_schema.schemata;

SELECT * FROM information_schema.views WHERE table_schema <> 'pg_catalog';

SELECT * FROM information_schema.routines WHERE specific_schema <> 'pg_catalog';

SELECT * FROM information_schema.parameters WHERE specific_schema <> 'pg_catalog';

SELECT * FROM information_schema.check_constraints;

SELECT * FROM information_schema.referential_constraints;

SELECT * FROM information_schema.key_column_usage;

SELECT * FROM information_schema.constraint_column_usage;

SELECT * FROM information_schema.constraint_table_usage;

SELECT * FROM information_schema.view_table_usage;

SELECT * FROM information_schema.view_column_usage;

SELECT * FROM information_schema.view_routine_usage;

SELECT * FROM information_schema.triggers;

SELECT * FROM information_schema.triggered_update_columns;

SELECT * FROM information_schema.domains;

SELECT * FROM information_schema.domain_constraints;

SELECT * FROM information_schema.user_defined_types;

SELECT * FROM information_schema.attributes;

SELECT * FROM information_schema.sequences;

SELECT * FROM information_schema.element_types;

SELECT * FROM information_schema.data_type_privileges;

SELECT * FROM information_schema.table_privileges;

SELECT * FROM information_schema.column_privileges;

SELECT * FROM information_schema.usage_privileges;

SELECT * FROM information_schema.udt_privileges;

SELECT * FROM information_schema.role_table_grants;

SELECT * FROM information_schema.role_routine_grants;

SELECT * FROM information_schema.collations;

SELECT * FROM information_schema.column_udt_usage;

SELECT * FROM information_schema.routine_table_usage;

SELECT * FROM pg_tables;

SELECT * FROM pg_views;

SELECT definition FROM pg_views WHERE viewname = 'mixed';

SELECT * FROM pg_matviews;

SELECT * FROM pg_indexes;

SELECT * FROM pg_rules;

SELECT * FROM pg_policies;

SELECT * FROM pg_sequences;

SELECT * FROM pg_stat_all_tables;

SELECT * FROM pg_stat_user_tables;

SELECT * FROM pg_statio_all_sequences;

SELECT * FROM pg_stat_all_indexes;

SELECT * FROM pg_stat_user_functions;

SELECT * FROM pg_stat_xact_all_tables;

SELECT * FROM pg_stats;

SELECT * FROM pg_stats_ext;

SELECT * FROM pg_statistic_ext_data;

SELECT * FROM pg_locks;

SELECT * FROM pg_seclabels;

SELECT * FROM pg_shdepend;

SELECT * FROM pg_init_privs;

SELECT * FROM pg_toast.pg_toast_1255;

SELECT relname FROM pg_class WHERE relnamespace = 99;

SELECT query FROM pg_stat_activity;

SELECT statement FROM pg_prepared_statements;

SELECT min(oid)::regclass, max(oid)::regclass FROM pg_class;

SELECT max(oid + 1)::regclass FROM pg_class;

SELECT nullif(oid, 1)::regclass, coalesce(oid, 16500)::regclass FROM pg_class;

SELECT CASE WHEN relkind = 'r' THEN oid ELSE 16500 END::regclass FROM pg_class;

SELECT (SELECT max(g)::oid FROM generate_series(16384, 17000) g)::regclass;

SELECT x::regclass FROM (VALUES (16500::oid), (16501)) v(x);

SELECT x::regclass FROM (SELECT oid FROM pg_class UNION ALL SELECT 16500::oid) v(x);

SELECT x::regclass FROM unnest(ARRAY[16500, 16501]::oid[]) x;

SELECT x::regclass FROM unnest('{16500,16501}'::oid[]) x;

SELECT relpages::regclass, relnatts::int::regclass FROM pg_class;

SELECT (ctid::text::point)[1]::int::regclass FROM pg_class;

SELECT lag(oid) OVER ()::regclass FROM pg_class;

SELECT o::regclass FROM (SELECT oid AS o, row_number() OVER () FROM pg_class) x JOIN (SELECT 16500::oid AS o) y USING (o);

SELECT o::regclass FROM (SELECT oid AS o FROM pg_class WHERE false) x FULL JOIN (SELECT g::oid AS o FROM generate_series(16384, 17000) g) y USING (o);

SELECT (nspname || '.' || 'canary_staff')::regclass FROM pg_namespace WHERE nspname = 'shop';

SELECT ('canary_hr.' || relname)::regclass FROM pg_class;

SELECT format('%s.%s', 'canary_hr', relname)::regclass FROM pg_class;

SELECT format('canary_hr.%I', relname)::regclass FROM pg_class;

SELECT quote_ident('canary_hr')::regnamespace;

SELECT attname::regclass FROM pg_attribute;

SELECT oid::regclass FROM pg_type;

SELECT x.oid::regclass FROM pg_catalog.pg_am x CROSS JOIN pg_namespace;

SELECT tableoid::regclass FROM shop.orders;

SELECT tableoid::regclass FROM shop.base;

SELECT partdefid::regclass, partrelid::regclass FROM pg_partitioned_table;

SELECT pg_get_indexdef(objid) FROM pg_depend;

SELECT pg_get_indexdef(indexrelid) FROM pg_stat_all_indexes;

SELECT pg_get_triggerdef(tgparentid) FROM pg_trigger;

SELECT pg_get_constraintdef(conparentid) FROM pg_constraint;

SELECT attname FROM pg_attribute WHERE attrelid = 'shop.tied_index'::regclass;

SELECT current_query() FROM information_schema.tables;

SELECT current_query(), schemaname, tablename FROM pg_tables;

SELECT to_tsvector('canary_hr.canary_words', 'x');

SELECT ts_lexize('canary_hr.canary_dict', 'x');

SELECT evtfoid::regprocedure FROM pg_event_trigger;

SELECT amhandler FROM pg_am;

SELECT conproc FROM pg_conversion;
