import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.parser.LenientErrorHandler;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.hl7.fhir.r4.fhirpath.ExpressionNode;
import org.hl7.fhir.r4.fhirpath.FHIRPathEngine;
import org.hl7.fhir.r4.hapi.ctx.HapiWorkerContext;
import org.hl7.fhir.r4.model.Base;
import org.hl7.fhir.r4.model.DecimalType;
import org.hl7.fhir.r4.model.PrimitiveType;
import org.hl7.fhir.r4.model.Resource;

/** HAPI's R4 FHIRPathEngine under the same work as bench_fhirpath; the output is described in peers/README.md. */
public class FhirpathPeer {
  static FHIRPathEngine engine;
  static volatile int sink;

  record Expression(String type, String text, ExpressionNode node) {}

  static String text(Base value) {
    if (value instanceof DecimalType d) {
      BigDecimal n = d.getValue().stripTrailingZeros();
      return n.signum() == 0 ? "0" : n.toPlainString();
    }
    if (value instanceof PrimitiveType<?> p) return p.getValueAsString();
    return "{}";
  }

  static long hash(long h, String s) {
    for (byte b : s.getBytes(StandardCharsets.UTF_8)) h = (h ^ (b & 0xff)) * 0x100000001b3L;
    return (h ^ 0xff) * 0x100000001b3L;
  }

  static double run(Expression e, List<Resource> resources, double seconds) {
    long start = System.nanoTime(), evaluations = 0;
    int found = 0;
    while (true) {
      for (Resource r : resources) found += engine.evaluate(r, e.node).size();
      evaluations += resources.size();
      double spent = (System.nanoTime() - start) / 1e9;
      if (spent >= seconds) {
        sink = found;
        return evaluations / spent;
      }
    }
  }

  public static void main(String[] args) throws Exception {
    double warm = Double.parseDouble(args[2]), measure = Double.parseDouble(args[3]);
    FhirContext context = FhirContext.forR4();
    context.setParserErrorHandler(new LenientErrorHandler(false));
    engine = new FHIRPathEngine(new HapiWorkerContext(context, new DefaultProfileValidationSupport(context)));
    IParser parser = context.newJsonParser();
    List<String> lines = Files.readAllLines(Path.of(args[0]));
    List<Resource> all = new ArrayList<>();
    for (String line : lines) all.add((Resource) parser.parseResource(line));
    List<Expression> expressions = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(args[1]))) {
      if (line.isBlank() || line.startsWith("#")) continue;
      String[] part = line.split("\t", 2);
      expressions.add(new Expression(part[0], part[1], engine.parse(part[1])));
    }
    for (int i = 0; i < expressions.size(); i++) {
      Expression e = expressions.get(i);
      List<Resource> mine = all.stream().filter(r -> r.fhirType().equals(e.type)).toList();
      long count = 0, h = 0xcbf29ce484222325L;
      for (Resource r : mine)
        for (Base b : engine.evaluate(r, e.node)) {
          count++;
          h = hash(h, text(b));
        }
      run(e, mine, warm);
      System.out.printf("expression\t%d\t%.0f\t%d\t%016x\t%d%n", i, run(e, mine, measure), count, h, mine.size());
    }
    // Parsing included: each line parsed, then all expressions of its type.
    long bytes = lines.stream().mapToLong(l -> l.getBytes(StandardCharsets.UTF_8).length + 1).sum();
    // The parser's code takes the JIT about ten seconds to settle.
    for (boolean last : new boolean[] {false, true}) {
      double limit = last ? measure * 4 : Math.max(10, warm * 4);
      long start = System.nanoTime(), evaluations = 0, rounds = 0;
      double spent;
      do {
        for (String line : lines) {
          Resource r = (Resource) parser.parseResource(line);
          String type = r.fhirType();
          for (Expression e : expressions)
            if (e.type.equals(type)) {
              sink += engine.evaluate(r, e.node).size();
              evaluations++;
            }
        }
        rounds++;
        spent = (System.nanoTime() - start) / 1e9;
      } while (spent < limit);
      if (last)
        System.out.printf("parsed\t%.0f\t%.1f%n", evaluations / spent, rounds * bytes / spent / 1e6);
    }
  }
}
