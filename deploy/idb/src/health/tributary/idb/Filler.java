package health.tributary.idb;

import com.healthmarketscience.jackcess.Column;
import com.healthmarketscience.jackcess.ConstraintViolationException;
import com.healthmarketscience.jackcess.Database;
import com.healthmarketscience.jackcess.DatabaseBuilder;
import com.healthmarketscience.jackcess.DateTimeType;
import com.healthmarketscience.jackcess.InvalidValueException;
import com.healthmarketscience.jackcess.Relationship;
import com.healthmarketscience.jackcess.Table;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Copies the template, fills the copy with the rows of the files and puts it in place when it is whole and durable. */
final class Filler {
  private static final int MOST_FINDINGS = 100;

  private final List<String> findings = new ArrayList<>();
  private long unfitRows;

  /** Rows by table. */
  Map<String, Long> fill(Path template, CsvFiles files, Path out) throws IOException, Refusal {
    refuseWithdrawn(files);
    Path target = out.toAbsolutePath();
    Path part = target.resolveSibling("." + target.getFileName() + ".part");
    try {
      Files.copy(template, part, StandardCopyOption.REPLACE_EXISTING);
      part.toFile().setWritable(true, true); // a template is often read-only
      Map<String, Long> rows = fillCopy(part, files);
      sync(part);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      sync(target.getParent());
      return rows;
    } finally {
      Files.deleteIfExists(part);
    }
  }

  // A database speaks of a whole reporting period: it has no way to say that a row sent before is withdrawn.
  private static void refuseWithdrawn(CsvFiles files) throws IOException, Refusal {
    List<String> lines = new ArrayList<>();
    for (Map.Entry<String, CsvFiles.Source> file : files.withdrawn.entrySet()) {
      try (CsvReader reader = new CsvReader(file.getValue().open(), file.getKey() + "_deleted.csv")) {
        long rows = 0;
        reader.next();
        while (reader.next() != null) ++rows;
        if (rows > 0) lines.add(file.getKey() + ": " + rows + " withdrawn rows");
      }
    }
    if (lines.isEmpty()) return;
    throw Refusal.of(Refusal.DATA, "error: an Access database has no place for withdrawn rows; submit the whole reporting period instead:", lines);
  }

  private Map<String, Long> fillCopy(Path part, CsvFiles files) throws IOException, Refusal {
    Map<String, Long> rows = new LinkedHashMap<>();
    try (Database database = open(part)) {
      database.setDateTimeType(DateTimeType.LOCAL_DATE_TIME);
      new TemplateCheck(database).run(headers(files));
      for (String name : parentsFirst(database, files.tables.keySet())) {
        rows.put(name, fillTable(database.getTable(name), files.tables.get(name)));
      }
      database.flush();
    }
    if (unfitRows == 0) return rows;
    if (unfitRows > MOST_FINDINGS) findings.add("…");
    throw Refusal.of(Refusal.DATA, "error: " + unfitRows + " rows do not fit the template:", findings);
  }

  private static Database open(Path part) throws IOException, Refusal {
    try {
      return new DatabaseBuilder(part.toFile()).setAutoSync(false).open();
    } catch (FileSystemException why) {
      throw why;
    } catch (IOException | RuntimeException why) {
      throw new Refusal(Refusal.USE, "error: the template is no Access database that can be read (" + why.getClass().getSimpleName() + ")");
    }
  }

  private static Map<String, List<String>> headers(CsvFiles files) throws IOException, Refusal {
    Map<String, List<String>> out = new LinkedHashMap<>();
    for (Map.Entry<String, CsvFiles.Source> file : files.tables.entrySet()) {
      try (CsvReader reader = new CsvReader(file.getValue().open(), file.getKey() + ".csv")) {
        List<String> header = reader.next();
        if (header == null) throw new Refusal(Refusal.USE, "error: " + file.getKey() + ".csv has no header");
        out.put(file.getKey(), header);
      }
    }
    return out;
  }

  // Where the template keeps relationships, a parent's rows must be there before its children's.
  private static Set<String> parentsFirst(Database database, Set<String> names) throws IOException {
    Set<String> out = new LinkedHashSet<>();
    List<Relationship> relationships = database.getRelationships();
    for (String name : names) place(name, names, relationships, out, new LinkedHashSet<>());
    return out;
  }

  private static void place(String name, Set<String> names, List<Relationship> relationships, Set<String> out, Set<String> path) {
    if (out.contains(name) || !names.contains(name) || !path.add(name)) return;
    for (Relationship one : relationships) {
      if (one.getToTable().getName().equals(name)) place(one.getFromTable().getName(), names, relationships, out, path);
    }
    out.add(name);
  }

  private long fillTable(Table table, CsvFiles.Source source) throws IOException, Refusal {
    long row = 0;
    try (CsvReader reader = new CsvReader(source.open(), table.getName() + ".csv")) {
      List<Column> columns = new ArrayList<>();
      for (String name : reader.next()) columns.add(table.getColumn(name));
      for (List<String> cells = reader.next(); cells != null; cells = reader.next()) {
        ++row;
        if (cells.size() != columns.size()) {
          unfit(table, row, null, "has " + cells.size() + " cells for " + columns.size() + " columns");
          continue;
        }
        Map<String, Object> values = valuesOf(table, row, columns, cells);
        if (values != null) add(table, row, values);
      }
    }
    return row;
  }

  // Null when a cell does not fit; each such cell has been told.
  private Map<String, Object> valuesOf(Table table, long row, List<Column> columns, List<String> cells) {
    Map<String, Object> values = new LinkedHashMap<>();
    boolean fits = true;
    for (int i = 0; i < columns.size(); ++i) {
      try {
        values.put(columns.get(i).getName(), Cells.of(columns.get(i), cells.get(i)));
      } catch (Cells.Unfit why) {
        if (fits) ++unfitRows;
        fits = false;
        tell(table, row, columns.get(i).getName(), why.getMessage());
      }
    }
    return fits ? values : null;
  }

  private void add(Table table, long row, Map<String, Object> values) throws IOException {
    try {
      table.addRowFromMap(values);
    } catch (ConstraintViolationException why) {
      // Its words hold the values, so they stay here.
      unfit(table, row, null, "breaks a unique index or a relationship of the template");
    } catch (InvalidValueException why) {
      unfit(table, row, null, "breaks a rule of the template's columns (required, not empty, or a validation rule)");
    }
  }

  private void unfit(Table table, long row, String column, String why) {
    ++unfitRows;
    tell(table, row, column, why);
  }

  private void tell(Table table, long row, String column, String why) {
    if (findings.size() >= MOST_FINDINGS) return;
    findings.add(table.getName() + ", row " + row + (column == null ? " " : ", " + column + " ") + why);
  }

  private static void sync(Path path) throws IOException {
    // A folder can be opened for reading only, and is synced all the same.
    StandardOpenOption mode = Files.isDirectory(path) ? StandardOpenOption.READ : StandardOpenOption.WRITE;
    try (FileChannel channel = FileChannel.open(path, mode)) {
      channel.force(true);
    }
  }
}
