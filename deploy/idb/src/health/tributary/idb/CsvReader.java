package health.tributary.idb;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** RFC 4180 records one after the other; UTF-8, where anything else is an error. */
final class CsvReader implements AutoCloseable {
  private static final int MOST_CHARACTERS = 1 << 20; // of one record

  private final Reader in;
  private final String name;
  private int ahead;
  private long record;

  CsvReader(InputStream bytes, String name) throws IOException {
    this.name = name;
    in = new BufferedReader(
        new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()
                                         .onMalformedInput(CodingErrorAction.REPORT)
                                         .onUnmappableCharacter(CodingErrorAction.REPORT)),
        1 << 16);
    ahead = in.read();
    if (ahead == 0xFEFF) ahead = in.read(); // a byte-order mark, which some programs write
  }

  /** The next record, or null at the end. */
  List<String> next() throws IOException, Refusal {
    if (ahead < 0) return null;
    ++record;
    List<String> cells = new ArrayList<>();
    int characters = 0;
    for (;;) {
      String cell = ahead == '"' ? quoted() : plain();
      characters += cell.length();
      if (characters > MOST_CHARACTERS) throw broken("is longer than " + MOST_CHARACTERS + " characters");
      cells.add(cell);
      if (ahead == ',') {
        ahead = in.read();
        continue;
      }
      if (ahead == '\r') ahead = in.read();
      if (ahead == '\n') ahead = in.read();
      else if (ahead >= 0) throw broken("has text behind a closing quote");
      return cells;
    }
  }

  private String plain() throws IOException, Refusal {
    StringBuilder out = new StringBuilder();
    while (ahead >= 0 && ahead != ',' && ahead != '\r' && ahead != '\n') {
      if (ahead == '"') throw broken("has a quote within an unquoted cell");
      append(out);
    }
    return out.toString();
  }

  private String quoted() throws IOException, Refusal {
    StringBuilder out = new StringBuilder();
    ahead = in.read();
    for (;;) {
      if (ahead < 0) throw broken("ends within quotes");
      if (ahead == '"') {
        ahead = in.read();
        if (ahead != '"') return out.toString();
      }
      append(out);
    }
  }

  private void append(StringBuilder out) throws IOException, Refusal {
    out.append((char) ahead);
    if (out.length() > MOST_CHARACTERS) throw broken("is longer than " + MOST_CHARACTERS + " characters");
    ahead = in.read();
  }

  private Refusal broken(String what) {
    return new Refusal(Refusal.USE, "error: " + name + " is no CSV: record " + record + " (the header is 1) " + what);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
