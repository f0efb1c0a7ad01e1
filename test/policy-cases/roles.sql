-- The upstream role owns nothing and may do nearly everything with the tables: what stops an agent here is policy.
GRANT ALL ON SCHEMA public, hr, audit TO shop_app;
GRANT ALL ON ALL TABLES IN SCHEMA public, hr, audit TO shop_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public, hr, audit TO shop_app;
GRANT CREATE, TEMPORARY ON DATABASE shop TO shop_app;
