package health.tributary.idb;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The CSV files of a submission: a zip, or a folder. Each is a table, named as the file. */
final class CsvFiles implements AutoCloseable {
  private static final String SUFFIX = ".csv";
  private static final String WITHDRAWN = "_deleted";

  interface Source {
    InputStream open() throws IOException;
  }

  /** By table, in the order of the zip or of the names. */
  final Map<String, Source> tables = new LinkedHashMap<>();
  /** Withdrawn rows, by table. */
  final Map<String, Source> withdrawn = new LinkedHashMap<>();

  private ZipFile zip;

  CsvFiles(Path path) throws IOException, Refusal {
    if (Files.isDirectory(path)) {
      try (Stream<Path> list = Files.list(path)) {
        for (Path file : (Iterable<Path>) list.sorted()::iterator) {
          if (Files.isRegularFile(file)) add(file.getFileName().toString(), () -> Files.newInputStream(file));
        }
      }
    } else if (Files.isRegularFile(path)) {
      zip = new ZipFile(path.toFile());
      for (Enumeration<? extends ZipEntry> list = zip.entries(); list.hasMoreElements();) {
        ZipEntry entry = list.nextElement();
        add(entry.getName(), () -> zip.getInputStream(entry));
      }
    } else {
      throw new Refusal(Refusal.USE, "error: there is no zip or folder " + path);
    }
    if (tables.isEmpty() && withdrawn.isEmpty()) {
      close();
      throw new Refusal(Refusal.USE, "error: there is no <TABLE>.csv in " + path);
    }
  }

  private void add(String name, Source source) {
    if (!name.endsWith(SUFFIX) || name.contains("/")) return;
    String table = name.substring(0, name.length() - SUFFIX.length());
    if (table.endsWith(WITHDRAWN)) {
      withdrawn.put(table.substring(0, table.length() - WITHDRAWN.length()), source);
    } else {
      tables.put(table, source);
    }
  }

  @Override
  public void close() throws IOException {
    if (zip != null) zip.close();
  }
}
