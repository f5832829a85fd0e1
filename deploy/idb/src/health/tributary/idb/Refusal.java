package health.tributary.idb;

import java.util.List;

/** What ends the run, with the exit code and the words for a person. No cell's contents stand in it. */
final class Refusal extends Exception {
  private static final long serialVersionUID = 1L;

  static final int DATA = 1;
  static final int USE = 2;
  static final int MACHINE = 3;

  final int code;

  Refusal(int code, String text) {
    super(text);
    this.code = code;
  }

  static Refusal of(int code, String title, List<String> lines) {
    return new Refusal(code, title + "\n  " + String.join("\n  ", lines));
  }
}
