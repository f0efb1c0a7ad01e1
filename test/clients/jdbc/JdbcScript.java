import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** pgjdbc: server-side prepare from the 5th run, binary transfer, row limits, batches, COPY, LISTEN, cancel and time-outs, metadata. */
public class JdbcScript {
  interface Work { void run() throws Exception; }

  static final Path SHARED = Path.of(System.getenv("CLIENT_SHARED"));
  static final int LARGE_BYTES = Integer.parseInt(System.getenv().getOrDefault("LARGE_BYTES", "50000000"));

  public static void main(String[] args) throws Exception {
    try (Connection c = connect()) {
      try (Statement s = c.createStatement()) {
        s.execute(Files.readString(SHARED.resolve("setup.sql")));
      }
      c.clearWarnings();
      types(c);
      prepared(c);
      batches(c);
      cursors(c);
      copies(c);
      transactions(c);
      several(c);
      listening(c);
      cancelling(c);
      metadata(c);
      large(c);
      say("valid", c.isValid(5));
    }
    simpleMode();
    say("end", "done");
  }

  static Connection connect(String... more) throws SQLException {
    Properties p = new Properties();
    p.setProperty("user", System.getenv("PGUSER"));
    p.setProperty("password", System.getenv("PGPASSWORD"));
    p.setProperty("sslmode", System.getenv("PGSSLMODE"));
    if (System.getenv("PGSSLROOTCERT") != null) p.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
    p.setProperty("ApplicationName", "clients-jdbc");
    p.setProperty("currentSchema", "work");
    for (int i = 0; i < more.length; i += 2) p.setProperty(more[i], more[i + 1]);
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    return DriverManager.getConnection(url, p);
  }

  static void types(Connection c) throws Exception {
    for (String line : Files.readAllLines(SHARED.resolve("types.txt"))) {
      String name = line.substring(0, line.indexOf('\t'));
      // A ? is JDBC's placeholder; operators that hold one are written ??.
      String expression = line.substring(line.indexOf('\t') + 1).replace("?", "??");
      try (PreparedStatement s = c.prepareStatement("SELECT " + expression + " AS value, ?::text AS name")) {
        List<Object> seen = new ArrayList<>();
        // From the 5th run on it is named on the server, and answers in binary.
        for (int i = 0; i < 7; i++) {
          s.setString(1, name);
          try (ResultSet r = s.executeQuery()) {
            r.next();
            if (i == 0 || i == 6) seen.add(object(r.getObject(1)));
            seen.add(string(r, 1));
          }
        }
        say("type " + name, seen);
      }
    }
    sayError("syntax", () -> c.createStatement().executeQuery("SELECT 'é' FRM x y"));
    sayError("unknown", () -> query(c, "SELECT 'é', nothing FROM items WHERE id = ?", 1));
    sayError("at run time", () -> query(c, "SELECT 1 / ?", 0));
  }

  static void prepared(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("SELECT ?::int + 1, ?::text, ?::timestamptz, ?::int[], ?::jsonb, ?::bytea")) {
      say("parameters", s.getParameterMetaData().getParameterCount());
      for (int i = 0; i < 9; i++) {
        s.setInt(1, i);
        s.setString(2, "é'\"\\" + i);
        s.setObject(3, java.time.OffsetDateTime.parse("2024-02-29T12:00:00Z"));
        s.setArray(4, c.createArrayOf("int4", new Integer[] {1, null}));
        s.setObject(5, "{\"a\": 1}", Types.OTHER);
        s.setBytes(6, new byte[] {0, -1});
        try (ResultSet r = s.executeQuery()) {
          say("repeated", row(r));
        }
      }
      ResultSetMetaData m = s.getMetaData();
      say("columns", List.of(m.getColumnCount(), m.getColumnTypeName(1), m.getColumnTypeName(3)));
    }
    for (int i = 0; i < 8; i++) {
      try (PreparedStatement s = c.prepareStatement("INSERT INTO items (name, price, tags) VALUES (?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
        s.setString(1, "item " + i);
        s.setBigDecimal(2, new java.math.BigDecimal(i + ".50"));
        s.setArray(3, c.createArrayOf("text", new String[] {"t" + i}));
        int count = s.executeUpdate();
        try (ResultSet r = s.getGeneratedKeys()) {
          say("insert", List.of(count, row(r)));
        }
      }
    }
    try (Statement s = c.createStatement()) {
      s.execute("ALTER TABLE items ADD extra2 int");
    }
    try (PreparedStatement s = c.prepareStatement("SELECT * FROM items WHERE id = ?")) {
      for (int i = 0; i < 7; i++) {
        s.setInt(1, 1);
        try (ResultSet r = s.executeQuery()) {
          say("all columns", r.getMetaData().getColumnCount());
        }
      }
      c.createStatement().execute("ALTER TABLE items ADD extra3 int");
      s.setInt(1, 1);
      // The cached plan must not change its result type: pgjdbc prepares it again, outside of a transaction.
      try (ResultSet r = s.executeQuery()) {
        say("after DDL", r.getMetaData().getColumnCount());
      }
    }
    c.createStatement().execute("DEALLOCATE ALL");
  }

  static void batches(Connection c) throws Exception {
    try (PreparedStatement s = c.prepareStatement("INSERT INTO items (name, price) VALUES (?, ?)")) {
      for (int i = 0; i < 300; i++) {
        s.setString(1, "batch " + i);
        s.setInt(2, i);
        s.addBatch();
      }
      say("batch", Arrays.stream(s.executeBatch()).sum());
    }
    try (Statement s = c.createStatement()) {
      s.addBatch("UPDATE items SET price = 1 WHERE id < 4");
      s.addBatch("DELETE FROM items WHERE name = 'batch 299'");
      say("statements", Arrays.toString(s.executeBatch()));
      s.addBatch("INSERT INTO items (name) VALUES ('in failing batch')");
      s.addBatch("INSERT INTO items (name) VALUES ('item 1')");
      s.addBatch("INSERT INTO items (name) VALUES ('behind it')");
      try {
        s.executeBatch();
      } catch (BatchUpdateException e) {
        say("failing batch", List.of(e.getSQLState(), Arrays.toString(e.getUpdateCounts())));
      }
    }
    say("kept of it", query(c, "SELECT count(*) FROM items WHERE name = ?", "in failing batch"));
    try (Connection rewriting = connect("reWriteBatchedInserts", "true");
        PreparedStatement s = rewriting.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
      for (int i = 0; i < 300; i++) {
        s.setString(1, "rewritten " + i);
        s.addBatch();
      }
      say("rewritten batch", s.executeBatch().length);
    }
  }

  static void cursors(Connection c) throws Exception {
    c.setAutoCommit(false);
    for (int size : new int[] {1, 7, 100}) {
      try (PreparedStatement s = c.prepareStatement("SELECT n, repeat('x', n) FROM generate_series(1, ?) n")) {
        s.setFetchSize(size);
        s.setInt(1, 40);
        int sum = 0;
        try (ResultSet r = s.executeQuery()) {
          while (r.next()) sum += r.getInt(1) + r.getString(2).length();
        }
        say("fetch " + size, sum);
      }
    }
    // Two portals, read in turns.
    try (PreparedStatement a = c.prepareStatement("SELECT n FROM generate_series(1, 9) n");
        PreparedStatement b = c.prepareStatement("SELECT n FROM generate_series(101, 109) n")) {
      a.setFetchSize(2);
      b.setFetchSize(3);
      List<Object> turns = new ArrayList<>();
      try (ResultSet ra = a.executeQuery(); ResultSet rb = b.executeQuery()) {
        while (ra.next() && rb.next()) turns.addAll(List.of(ra.getInt(1), rb.getInt(1)));
      }
      say("interleaved", turns);
    }
    try (PreparedStatement s = c.prepareStatement("SELECT n FROM generate_series(1, 50) n")) {
      s.setMaxRows(5);
      int count = 0;
      try (ResultSet r = s.executeQuery()) {
        while (r.next()) count++;
      }
      say("max rows", count);
    }
    c.commit();
    c.setAutoCommit(true);
    try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
        ResultSet r = s.executeQuery("SELECT id, name, price FROM items ORDER BY id LIMIT 3")) {
      r.last();
      r.updateInt("price", 77);
      r.updateRow();
      r.first();
      say("updatable", List.of(r.getInt(1), query(c, "SELECT price FROM items WHERE id = ?", 3)));
    }
  }

  static void copies(Connection c) throws Exception {
    var copy = c.unwrap(PGConnection.class).getCopyAPI();
    say("copy in", copy.copyIn("COPY items (name, price) FROM STDIN", new StringReader("copied é\t1.5\nmore\t\\N\n")));
    StringWriter out = new StringWriter();
    say("copy out", List.of(copy.copyOut("COPY (SELECT name, price FROM items WHERE name IN ('copied é', 'more') ORDER BY id) TO STDOUT (FORMAT csv)", out), out.toString()));
    ByteArrayOutputStream binary = new ByteArrayOutputStream();
    say("copy binary", List.of(copy.copyOut("COPY (SELECT 1, 'x'::text) TO STDOUT (FORMAT binary)", binary), HexFormat.of().formatHex(binary.toByteArray())));
    sayError("copy violates", () -> copy.copyIn("COPY items (name) FROM STDIN", new StringReader("twice\ntwice\n")));
    var given = copy.copyIn("COPY items (name) FROM STDIN");
    given.writeToCopy("once\n".getBytes(StandardCharsets.UTF_8), 0, 5);
    given.cancelCopy();
    say("after copy", query(c, "SELECT count(*) FROM items WHERE name IN (?, 'twice')", "once"));
  }

  static void transactions(Connection c) throws Exception {
    c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
    c.setAutoCommit(false);
    say("isolation", query(c, "SHOW transaction_isolation"));
    update(c, "INSERT INTO items (name) VALUES (?)", "in transaction");
    Savepoint point = c.setSavepoint("a");
    sayError("violation", () -> update(c, "INSERT INTO items (name) VALUES (?)", "in transaction"));
    sayError("aborted", () -> query(c, "SELECT 1"));
    c.rollback(point);
    c.releaseSavepoint(point);
    c.commit();
    update(c, "INSERT INTO items (name) VALUES (?)", "gone");
    sayError("fails", () -> query(c, "SELECT 1 / ?", 0));
    c.rollback();
    c.setReadOnly(true);
    sayError("read only", () -> update(c, "INSERT INTO items (name) VALUES (?)", "read only"));
    c.rollback();
    c.setReadOnly(false);
    c.setAutoCommit(true);
    c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    say("kept", query(c, "SELECT string_agg(name, ',' ORDER BY id) FROM items WHERE name IN ('in transaction', 'gone', ?)", "read only"));
    sayError("serialization", () -> {
      update(c, "DO $$ BEGIN RAISE 'own é' USING ERRCODE = 'P1234', HINT = 'a hint', DETAIL = 'a detail'; END $$");
    });
    try (Statement s = c.createStatement()) {
      s.execute("DO $$ BEGIN RAISE NOTICE 'noticed é'; RAISE WARNING 'warned'; END $$");
      List<String> warnings = new ArrayList<>();
      for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) warnings.add(w.getSQLState() + " " + w.getMessage());
      say("notices", warnings);
    }
  }

  static void several(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      boolean rows = s.execute("SELECT 1 AS a; UPDATE items SET price = 2 WHERE id < 3; SELECT 'x' AS b, 'é;' AS c; INSERT INTO items (name) VALUES ('several') RETURNING name");
      List<Object> results = new ArrayList<>();
      while (rows || s.getUpdateCount() != -1) {
        if (rows) {
          try (ResultSet r = s.getResultSet()) {
            results.add(row(r));
          }
        } else results.add(s.getUpdateCount());
        rows = s.getMoreResults();
      }
      say("several", results);
      sayError("several, one fails", () -> s.execute("INSERT INTO items (name) VALUES ('gone'); SELECT 1/0"));
    }
    say("implicit transaction", query(c, "SELECT count(*) FROM items WHERE name = ?", "gone"));
    try (PreparedStatement s = c.prepareStatement("SELECT ?::int; SELECT ?::text")) {
      s.setInt(1, 1);
      s.setString(2, "x");
      s.execute();
      s.getMoreResults();
      say("several with parameters", row(s.getResultSet()));
    }
    try (CallableStatement s = c.prepareCall("{? = call upper(?)}")) {
      s.registerOutParameter(1, Types.VARCHAR);
      s.setString(2, "é x");
      s.execute();
      say("call", s.getString(1));
    }
  }

  static void listening(Connection c) throws Exception {
    try (Connection other = connect(); Statement s = c.createStatement(); Statement o = other.createStatement()) {
      s.execute("LISTEN news");
      o.execute("NOTIFY news, 'é first'");
      o.execute("SELECT pg_notify('news', 'second')");
      List<Object> heard = new ArrayList<>();
      int speaker = other.unwrap(PGConnection.class).getBackendPID();
      while (heard.size() < 2) {
        for (PGNotification n : c.unwrap(PGConnection.class).getNotifications(0)) {
          heard.add(List.of(n.getName(), n.getParameter(), n.getPID() == speaker));
        }
      }
      say("notifications", heard);
      s.execute("UNLISTEN news");
    }
  }

  static void cancelling(Connection c) throws Exception {
    try (Connection other = connect(); Statement s = c.createStatement()) {
      Thread canceller = new Thread(() -> {
        try {
          // A cancel that comes before the statement has begun hits nothing, with any server.
          while (query(other, "SELECT CASE WHEN is_called THEN 1 ELSE 0 END FROM work.running").equals("[0]"));
          s.cancel();
        } catch (Exception e) {
          throw new IllegalStateException(e); // its stack is on stderr, which a failed comparison shows
        }
      });
      canceller.start();
      sayError("cancelled", () -> s.executeQuery("SELECT nextval('work.running'), pg_sleep(30)"));
      canceller.join();
      s.setQueryTimeout(1);
      sayError("query timeout", () -> s.executeQuery("SELECT pg_sleep(30)"));
      s.setQueryTimeout(0);
      try (ResultSet r = s.executeQuery("SELECT pg_backend_pid()")) {
        r.next();
        say("after cancel", r.getInt(1) == c.unwrap(PGConnection.class).getBackendPID());
      }
    }
  }

  static void metadata(Connection c) throws Exception {
    DatabaseMetaData m = c.getMetaData();
    say("server", List.of(m.getDatabaseProductName(), m.getDatabaseMajorVersion(), m.getMaxColumnNameLength()));
    for (ResultSet r : List.of(m.getTables(null, "work", "%", new String[] {"TABLE"}), m.getColumns(null, "work", "items", "%"),
        m.getPrimaryKeys(null, "work", "items"), m.getIndexInfo(null, "work", "items", false, true), m.getSchemas(null, "work"))) {
      List<String> names = new ArrayList<>();
      ResultSetMetaData columns = r.getMetaData();
      while (r.next()) {
        StringBuilder line = new StringBuilder();
        for (int i = 1; i <= Math.min(8, columns.getColumnCount()); i++) line.append(r.getString(i)).append('|');
        names.add(line.toString());
      }
      say("metadata", names);
    }
  }

  static void large(Connection c) throws Exception {
    byte[] data = new byte[LARGE_BYTES];
    int state = 1;
    for (int i = 0; i < data.length; i++) {
      state = state * 1664525 + 1013904223;
      data[i] = (byte) (state >>> 24);
    }
    try (PreparedStatement s = c.prepareStatement("INSERT INTO blobs (id, data) VALUES (?, ?)")) {
      s.setInt(1, 1);
      s.setBytes(2, data);
      say("large in", s.executeUpdate());
      s.setInt(1, 2);
      s.setBinaryStream(2, new ByteArrayInputStream(data, 0, data.length / 10), data.length / 10);
      say("large stream in", s.executeUpdate());
    }
    try (PreparedStatement s = c.prepareStatement("SELECT data FROM blobs ORDER BY id"); ResultSet r = s.executeQuery()) {
      for (int length = data.length; r.next(); length = data.length / 10) {
        say("large out", Arrays.equals(r.getBytes(1), Arrays.copyOf(data, length)));
      }
    }
    try (PreparedStatement s = c.prepareStatement("SELECT n, md5(n::text) FROM generate_series(1, 100000) n"); ResultSet r = s.executeQuery()) {
      int count = 0;
      while (r.next()) count++;
      say("many rows", count);
    }
  }

  /** preferQueryMode=simple: parameters in the text, one Query message. */
  static void simpleMode() throws Exception {
    try (Connection c = connect("preferQueryMode", "simple")) {
      say("simple mode", query(c, "SELECT ?::text, 1", "é'\\"));
      sayError("simple mode fails", () -> query(c, "SELECT 1 / ?", 0));
    }
    try (Connection c = connect("prepareThreshold", "-1", "binaryTransfer", "true")) {
      for (int i = 0; i < 3; i++) say("always binary", query(c, "SELECT ?::int8, now() > '2000-01-01', 1.5::float8", (long) i));
    }
    sayError("wrong password", () -> {
      try {
        connect("password", "wrong").close();
      } catch (PSQLException e) {
        throw new SQLException("refused", e.getSQLState().substring(0, 2));
      }
    });
  }

  static String query(Connection c, String sql, Object... parameters) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < parameters.length; i++) s.setObject(i + 1, parameters[i]);
      try (ResultSet r = s.executeQuery()) {
        return row(r);
      }
    }
  }

  static int update(Connection c, String sql, Object... parameters) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < parameters.length; i++) s.setObject(i + 1, parameters[i]);
      return s.executeUpdate();
    }
  }

  static String row(ResultSet r) throws SQLException {
    if (!r.next()) return "<no row>";
    List<String> values = new ArrayList<>();
    for (int i = 1; i <= r.getMetaData().getColumnCount(); i++) values.add(string(r, i));
    return values.toString();
  }

  /** pgjdbc gives a bytea that came in binary as the name of a Java array. */
  static String string(ResultSet r, int column) throws SQLException {
    String value = r.getString(column);
    return value != null && value.startsWith("[B@") ? "bytes " + HexFormat.of().formatHex(r.getBytes(column)) : value;
  }

  static String object(Object value) throws SQLException {
    if (value == null) return null;
    if (value instanceof byte[] bytes) return "bytes " + HexFormat.of().formatHex(bytes);
    if (value instanceof Array array) return "array " + array;
    return value.getClass().getSimpleName() + " " + (value instanceof java.sql.SQLXML xml ? xml.getString() : value);
  }

  static void sayError(String step, Work work) throws Exception {
    try {
      work.run();
      say(step, "<no error>");
    } catch (SQLException e) {
      ServerErrorMessage m = e instanceof PSQLException p ? p.getServerErrorMessage() : null;
      List<Object> said = new ArrayList<>(Arrays.asList(e.getSQLState(), m == null ? e.getMessage() : m.getMessage()));
      if (m != null) said.addAll(Arrays.asList(m.getSeverity(), m.getDetail(), m.getHint(), m.getPosition(), m.getConstraint()));
      say(step, said);
    }
  }

  static void say(String step, Object value) {
    String line = "{\"step\":" + json(step) + ",\"value\":" + json(value) + "}\n";
    byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
    System.out.write(bytes, 0, bytes.length);
    System.out.flush();
  }

  static String json(Object value) {
    if (value == null || value instanceof Number || value instanceof Boolean) return String.valueOf(value);
    if (value instanceof List<?> list) {
      StringBuilder text = new StringBuilder("[");
      for (Object item : list) text.append(text.length() > 1 ? "," : "").append(json(item));
      return text.append(']').toString();
    }
    StringBuilder text = new StringBuilder("\"");
    for (char c : value.toString().toCharArray()) {
      if (c == '"' || c == '\\') text.append('\\').append(c);
      else if (c < 0x20) text.append(String.format("\\u%04x", (int) c));
      else text.append(c);
    }
    return text.append('"').toString();
  }
}
