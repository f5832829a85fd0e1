package health.tributary.idb;

import com.healthmarketscience.jackcess.Column;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.Locale;

/** A cell's text as a value of the template's column. */
final class Cells {
  /** Says why a text does not fit; never the text. */
  static final class Unfit extends Exception {
    private static final long serialVersionUID = 1L;

    Unfit(String why) {
      super(why);
    }
  }

  // Access has no time of day: it keeps one as that time on this day.
  private static final LocalDate DAY_ZERO = LocalDate.of(1899, 12, 30);
  private static final BigDecimal MONEY_LIMIT = new BigDecimal("922337203685477.5807");

  private Cells() {}

  static Object of(Column column, String text) throws Unfit {
    if (text.isEmpty()) return null;
    switch (column.getType()) {
      case TEXT:
        if (text.length() > column.getLengthInUnits()) throw new Unfit("is longer than " + column.getLengthInUnits() + " characters");
        return text;
      case MEMO:
        return text;
      case BYTE:
        return number(text, "0", "255").intValue();
      case INT:
        return number(text, "-32768", "32767").shortValue();
      case LONG:
        return number(text, "-2147483648", "2147483647").intValue();
      case BIG_INT:
        return number(text, "-9223372036854775808", "9223372036854775807").longValue();
      case FLOAT:
      case DOUBLE:
        return decimal(text).doubleValue();
      case MONEY:
        return within(scaled(decimal(text), 4), MONEY_LIMIT);
      case NUMERIC:
        return within(scaled(decimal(text), column.getScale()), BigDecimal.TEN.pow(column.getPrecision() - column.getScale()));
      case SHORT_DATE_TIME:
      case EXT_DATE_TIME:
        return moment(text);
      case BOOLEAN:
        return flag(text);
      default:
        throw new Unfit("goes into a column of the type " + column.getType() + ", which is not supported");
    }
  }

  private static BigInteger number(String text, String least, String most) throws Unfit {
    try {
      BigInteger value = new BigInteger(text);
      if (value.compareTo(new BigInteger(least)) < 0 || value.compareTo(new BigInteger(most)) > 0) {
        throw new Unfit("is not within " + least + " to " + most);
      }
      return value;
    } catch (NumberFormatException e) {
      throw new Unfit("is no whole number");
    }
  }

  private static BigDecimal decimal(String text) throws Unfit {
    try {
      if (text.length() > 40) throw new Unfit("is longer than a number can be");
      return new BigDecimal(text);
    } catch (NumberFormatException e) {
      throw new Unfit("is no number");
    }
  }

  private static BigDecimal scaled(BigDecimal value, int scale) throws Unfit {
    try {
      return value.setScale(scale, RoundingMode.UNNECESSARY);
    } catch (ArithmeticException e) {
      throw new Unfit("has more than " + scale + " decimals");
    }
  }

  private static BigDecimal within(BigDecimal value, BigDecimal limit) throws Unfit {
    if (value.abs().compareTo(limit) > 0) throw new Unfit("is too large");
    return value;
  }

  private static LocalDateTime moment(String text) throws Unfit {
    try {
      if (text.indexOf('T') >= 0) return LocalDateTime.parse(text);
      if (text.indexOf(':') >= 0) return LocalTime.parse(text).atDate(DAY_ZERO);
      return LocalDate.parse(text).atStartOfDay();
    } catch (DateTimeException e) {
      throw new Unfit("is no date (CCYY-MM-DD), time (HH:MM:SS) or date and time (CCYY-MM-DDTHH:MM:SS)");
    }
  }

  private static Boolean flag(String text) throws Unfit {
    switch (text.toUpperCase(Locale.ROOT)) {
      case "Y":
      case "1":
      case "TRUE":
        return Boolean.TRUE;
      case "N":
      case "0":
      case "FALSE":
        return Boolean.FALSE;
      default:
        throw new Unfit("is neither yes (Y, 1, true) nor no (N, 0, false)");
    }
  }
}
