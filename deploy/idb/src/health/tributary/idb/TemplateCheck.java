package health.tributary.idb;

import com.healthmarketscience.jackcess.Column;
import com.healthmarketscience.jackcess.Database;
import com.healthmarketscience.jackcess.PropertyMap;
import com.healthmarketscience.jackcess.Table;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Compares our tables and columns with the template's, letter by letter, and tells all differences at once. */
final class TemplateCheck {
  private final Database database;
  private final List<String> differences = new ArrayList<>();

  TemplateCheck(Database database) {
    this.database = database;
  }

  void run(Map<String, List<String>> headers) throws IOException, Refusal {
    Set<String> names = new HashSet<>(database.getTableNames()); // its own set takes no notice of case
    for (Map.Entry<String, List<String>> ours : headers.entrySet()) {
      if (names.contains(ours.getKey())) {
        checkColumns(ours.getKey(), ours.getValue());
      } else {
        differences.add("table " + ours.getKey() + " is not in the template" + nearly(ours.getKey(), names));
      }
    }
    if (differences.isEmpty()) return;
    throw Refusal.of(Refusal.USE, "error: the files do not fit the template (" + differences.size() + " differences):", differences);
  }

  private void checkColumns(String name, List<String> header) throws IOException {
    Table table = database.getTable(name);
    Set<String> theirs = new HashSet<>();
    for (Column column : table.getColumns()) theirs.add(column.getName());
    Set<String> ours = new HashSet<>();
    for (String column : header) {
      if (!ours.add(column)) differences.add(name + ".csv has the column " + column + " twice");
      if (!theirs.contains(column)) differences.add("column " + name + "." + column + " is not in the template" + nearly(column, theirs));
    }
    for (Column column : table.getColumns()) {
      boolean required = Boolean.TRUE.equals(column.getProperties().getValue(PropertyMap.REQUIRED_PROP));
      if (required && !column.isAutoNumber() && !ours.contains(column.getName())) {
        differences.add("column " + name + "." + column.getName() + " is required by the template and is not in " + name + ".csv");
      }
    }
    if (table.getRowCount() > 0) differences.add("table " + name + " of the template is not blank: it has " + table.getRowCount() + " rows");
  }

  /** A name that differs only in case or spaces is most likely the one that was meant. */
  private static String nearly(String name, Set<String> candidates) {
    for (String candidate : candidates) {
      if (candidate.replaceAll("[ _]", "").equalsIgnoreCase(name.replaceAll("[ _]", ""))) return " (it has " + candidate + ")";
    }
    return "";
  }
}
