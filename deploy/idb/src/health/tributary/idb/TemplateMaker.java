package health.tributary.idb;

import com.healthmarketscience.jackcess.ColumnBuilder;
import com.healthmarketscience.jackcess.DataType;
import com.healthmarketscience.jackcess.Database;
import com.healthmarketscience.jackcess.DatabaseBuilder;
import com.healthmarketscience.jackcess.TableBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Makes a blank database of lines TABLE, COLUMN, TYPE, LENGTH, parted by tabs (columns.py). */
final class TemplateMaker {
  private TemplateMaker() {}

  static int make(BufferedReader lines, Path out) throws IOException, Refusal {
    Map<String, TableBuilder> tables = new LinkedHashMap<>();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", -1);
      if (parts.length != 4) throw new Refusal(Refusal.USE, "error: a line has " + parts.length + " parts: TABLE, COLUMN, TYPE, LENGTH are wanted");
      tables.computeIfAbsent(parts[0], TableBuilder::new).addColumn(column(parts[1], parts[2], Integer.parseInt(parts[3])));
    }
    if (tables.isEmpty()) throw new Refusal(Refusal.USE, "error: there are no tables");
    Files.deleteIfExists(out);
    try (Database database = new DatabaseBuilder(out.toFile()).setFileFormat(Database.FileFormat.V2010).setAutoSync(false).create()) {
      for (TableBuilder table : tables.values()) table.toTable(database);
    }
    return tables.size();
  }

  private static ColumnBuilder column(String name, String type, int length) throws Refusal {
    switch (type) {
      case "text":
        return new ColumnBuilder(name, DataType.TEXT).setLengthInUnits(length);
      case "memo":
        return new ColumnBuilder(name, DataType.MEMO);
      case "date":
        return new ColumnBuilder(name, DataType.SHORT_DATE_TIME);
      case "number":
        return new ColumnBuilder(name, DataType.LONG);
      case "decimal":
        return new ColumnBuilder(name, DataType.DOUBLE);
      case "yesno":
        return new ColumnBuilder(name, DataType.BOOLEAN);
      default:
        throw new Refusal(Refusal.USE, "error: the type " + type + " is none of text, memo, date, number, decimal, yesno");
    }
  }
}
