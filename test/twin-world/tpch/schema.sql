-- Tables of TPC Benchmark H (specification, clause 1.4), with a small filling made by formulas; labelled columns of customers differ by world.
CREATE SCHEMA tpch;
SET search_path = tpch;
CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name char(25), r_comment text);
CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name char(25), n_regionkey int, n_comment text);
CREATE TABLE supplier (s_suppkey int PRIMARY KEY, s_name char(25), s_address text, s_nationkey int, s_phone char(15), s_acctbal numeric(15, 2), s_comment text);
CREATE TABLE part (p_partkey int PRIMARY KEY, p_name text, p_mfgr char(25), p_brand char(10), p_type text, p_size int, p_container char(10), p_retailprice numeric(15, 2), p_comment text);
CREATE TABLE partsupp (ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric(15, 2), ps_comment text);
CREATE TABLE customer (c_custkey int PRIMARY KEY, c_name varchar(25), c_address varchar(40), c_nationkey int, c_phone char(15), c_acctbal numeric(15, 2), c_mktsegment char(10), c_comment text);
CREATE TABLE orders (o_orderkey int PRIMARY KEY, o_custkey int, o_orderstatus char(1), o_totalprice numeric(15, 2), o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority int, o_comment text);
CREATE TABLE lineitem (l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric(15, 2), l_extendedprice numeric(15, 2), l_discount numeric(15, 2), l_tax numeric(15, 2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10), l_comment text);
GRANT USAGE, CREATE ON SCHEMA tpch TO twin_app;
GRANT SELECT ON ALL TABLES IN SCHEMA tpch TO twin_app;

INSERT INTO region SELECT i, (ARRAY['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'])[i + 1], 'r' FROM generate_series(0, 4) i;
INSERT INTO nation SELECT i, (ARRAY['ALGERIA', 'ARGENTINA', 'BRAZIL', 'CANADA', 'EGYPT', 'FRANCE', 'GERMANY', 'INDIA', 'JAPAN', 'KENYA'])[i + 1],
  (ARRAY[0, 1, 1, 1, 4, 3, 3, 2, 2, 0])[i + 1], 'n' FROM generate_series(0, 9) i;
INSERT INTO supplier SELECT i, 'Supplier#' || i, 'street ' || i, i % 10, '10-100-200-' || i, i * 37 % 900,
  CASE WHEN i % 9 = 0 THEN 'Customer of many Complaints' ELSE 'quiet' END FROM generate_series(1, 50) i;
INSERT INTO part SELECT i, (ARRAY['forest', 'green', 'misty', 'plum'])[i % 4 + 1] || ' part', 'Manufacturer#' || i % 5 + 1, 'Brand#' || i % 3 + 1 || i % 3 + 1,
  (ARRAY['PROMO', 'STANDARD', 'ECONOMY', 'MEDIUM'])[i % 4 + 1] || (ARRAY[' STEEL', ' BRASS', ' TIN'])[i % 3 + 1], i % 50 + 1,
  (ARRAY['SM CASE', 'MED BOX', 'LG CASE', 'MED BAG'])[i % 4 + 1], 900 + i, 'p' FROM generate_series(1, 100) i;
INSERT INTO partsupp SELECT i, (i + j * 13) % 50 + 1, i * 31 % 900 + 100, (i * 7 + j * 11) % 100 + 1, 'ps' FROM generate_series(1, 100) i, generate_series(0, 3) j;
INSERT INTO customer SELECT i, substr(md5('{word}' || i), 1, 6) || '{word}', substr(md5('{word}a' || i), 1, 9) || '{word}', i % 10, (10 + {step} * i % 25) || '-{digits}',
  {digits} + i * {step} % 97, (ARRAY['BUILDING', 'AUTOMOBILE', 'MACHINERY'])[i % 3 + 1], 'c' FROM generate_series(1, 100) i;
INSERT INTO orders SELECT i, i * 7 % 66 + 1, (ARRAY['F', 'O', 'P'])[i % 3 + 1], 1000 + i * 17 % 5000, date '1992-01-01' + i * 5,
  (ARRAY['1-URGENT', '2-HIGH', '3-MEDIUM', '5-LOW'])[i % 4 + 1], 'Clerk#' || i % 9, 0, CASE WHEN i % 11 = 0 THEN 'special requests' ELSE 'o' END FROM generate_series(1, 480) i;
INSERT INTO lineitem SELECT i, p, (p + (i + j) % 4 * 13) % 50 + 1, j, (i * 5 + j * 7) % 50 + 1, 1000 + (i * 13 + j * 101) % 9000, (i + j) % 11 / 100.0, j / 100.0,
  (ARRAY['A', 'N', 'R'])[(i + j) % 3 + 1], (ARRAY['O', 'F'])[i % 2 + 1], date '1992-01-01' + i * 5 + j * 9, date '1992-01-01' + i * 5 + 25, date '1992-01-01' + i * 5 + j * 9 + i % 7,
  (ARRAY['DELIVER IN PERSON', 'COLLECT COD'])[j % 2 + 1], (ARRAY['MAIL', 'SHIP', 'AIR', 'AIR REG'])[(i + j) % 4 + 1], 'l'
  FROM generate_series(1, 480) i, generate_series(1, 5) j, LATERAL (SELECT (i * 3 + j * 29) % 100 + 1 AS p) q;
ANALYZE;
