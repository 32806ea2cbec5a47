#include <cmath>
#include <cstdlib>
#include <limits>

#include "gradus/gradus.hpp"
#include "support/catch.hpp"

using namespace gradus;

TEST_CASE("numbers become the shortest text that reads back as the same number") {
  CHECK(text_of(0.1) == "0.1");
  CHECK(text_of(0.1f) == "0.1");
  CHECK(text_of(1.000001) == "1.000001");
  CHECK(text_of(1 + 1e-9) == "1.000000001");
  CHECK(text_of(100000.0) == "100000");
  CHECK(text_of(1e-5) == "1e-05");
  CHECK(text_of(-2.5e300) == "-2.5e+300");
  CHECK(text_of(-0.0) == "-0");
  CHECK(text_of(INFINITY) == "inf");
  CHECK(text_of(std::nan("")) == "nan");
  CHECK(text_of(-std::nan("")) == "nan");
  CHECK(text_of(5) == "5");
  CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(text_of(std::numeric_limits<std::size_t>::max()) == "18446744073709551615");
  for (const double value :
       {1 / 3.0, 5e-324, 1.7976931348623157e308, 123456.789, 1e15, 999999999999999.0})
    CHECK(std::strtod(text_of(value).c_str(), nullptr) == value);
}

TEST_CASE("what a terminal would obey is shown as an escape") {
  CHECK(printable("größe 名前 🙂") == "größe 名前 🙂");
  CHECK(printable("\x1b[31mred\x07\n\t\r") == "\\x1b[31mred\\x07\\n\\t\\r");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("\x9b"
                  "2J") == "\\x9b2J");  // a byte that is no UTF-8
  CHECK(printable("\xc2\x9b"
                  "2J") == "\\x9b2J");  // the same control character in UTF-8
  CHECK(printable("\xe2\x80\xaetxt.exe") == "\\u202etxt.exe");
  CHECK(printable("\xc0\x80\xed\xa0\x80\xf5") == "\\xc0\\x80\\xed\\xa0\\x80\\xf5");
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");  // cut short
  CHECK(printable("") == "");
}
