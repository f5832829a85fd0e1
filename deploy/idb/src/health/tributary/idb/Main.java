package health.tributary.idb;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.ZipException;

/** fill TEMPLATE FILES OUT, or make-template OUT with the columns on standard input. README.md has the exit codes. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    System.exit(run(arguments));
  }

  private static int run(String[] arguments) {
    try {
      if (arguments.length == 4 && arguments[0].equals("fill")) return fill(Path.of(arguments[1]), Path.of(arguments[2]), Path.of(arguments[3]));
      if (arguments.length == 2 && arguments[0].equals("make-template")) return makeTemplate(Path.of(arguments[1]));
      throw new Refusal(Refusal.USE, "usage: fill TEMPLATE FILES OUT\n       make-template PROFILES OUT");
    } catch (Refusal why) {
      System.err.println(why.getMessage());
      return why.code;
    } catch (CharacterCodingException why) {
      System.err.println("error: a CSV file is not UTF-8");
      return Refusal.USE;
    } catch (ZipException why) {
      System.err.println("error: the zip cannot be read: " + why.getMessage());
      return Refusal.USE;
    } catch (IOException | RuntimeException why) {
      // The words of a library may hold what it was given; its name may not.
      System.err.println("error: " + (why instanceof java.nio.file.FileSystemException ? why.getMessage() + " " : "") + "(" + why.getClass().getSimpleName() + ")");
      return Refusal.MACHINE;
    }
  }

  private static int fill(Path template, Path files, Path out) throws IOException, Refusal {
    if (!Files.isRegularFile(template)) throw new Refusal(Refusal.USE, "error: there is no template " + template);
    if (Files.exists(out) && Files.isSameFile(template, out)) throw new Refusal(Refusal.USE, "error: the template cannot be its own result");
    try (CsvFiles csv = new CsvFiles(files)) {
      long rows = 0;
      for (Map.Entry<String, Long> table : new Filler().fill(template, csv, out).entrySet()) {
        System.out.println(table.getKey() + ": " + table.getValue() + " rows");
        rows += table.getValue();
      }
      System.out.println(out + ": " + rows + " rows");
    }
    return 0;
  }

  private static int makeTemplate(Path out) throws IOException, Refusal {
    int tables = TemplateMaker.make(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), out);
    System.out.println(out + ": " + tables + " tables; column types are assumed, the real template comes from the collection's owner");
    return 0;
  }
}
