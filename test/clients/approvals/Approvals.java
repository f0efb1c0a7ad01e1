import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.util.PSQLException;

/** pgjdbc in autocommit. One line on standard output for each step; reads a line where it waits for the test. */
public class Approvals {
  static void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
    System.out.println(line);
    System.out.flush();
  }

  static void delete(PreparedStatement statement, int row) throws SQLException {
    try {
      statement.setInt(1, row);
      say("deleted", statement.executeUpdate());
    } catch (PSQLException error) {
      String detail = error.getServerErrorMessage() == null ? null : error.getServerErrorMessage().getDetail();
      say("refused", error.getSQLState(), detail == null ? "-" : detail);
    }
  }

  static void lives(Connection c) throws SQLException {
    try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT 1")) {
      r.next();
      say("lives", r.getInt(1));
    }
  }

  public static void main(String[] args) throws Exception {
    Properties p = new Properties();
    p.setProperty("user", System.getenv("PGUSER"));
    p.setProperty("password", System.getenv("PGPASSWORD"));
    p.setProperty("sslmode", System.getenv("PGSSLMODE"));
    p.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    try (Connection c = DriverManager.getConnection(url, p); Statement plain = c.createStatement();
        PreparedStatement delete = c.prepareStatement("DELETE FROM orders WHERE id = ?")) {
      delete(delete, 1);
      delete(delete, 2);
      lives(c);
      plain.execute("SET postern.approval = 'defer'");
      delete(delete, 3);
      in.readLine();
      delete(delete, 3);
      delete(delete, 3);
      plain.execute("SET postern.approval = 'wait'");
      Thread canceller = new Thread(() -> {
        try {
          in.readLine();
          delete.cancel();
        } catch (Exception error) {
          throw new IllegalStateException(error);
        }
      });
      canceller.start();
      delete(delete, 4);
      canceller.join();
      lives(c);
    }
  }
}
