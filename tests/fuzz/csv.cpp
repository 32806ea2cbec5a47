#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::write_seeds(*argc, *argv,
                    {"a,b,y\n1,2,0.5\n3,4,1.5\n", "2;1;\"a\"\"b\";c\r\n1,5;0\r\n2,5;1\r\n",
                     "x\ty\n\"q\n\",red\n,blue\nNA,1e5\n",
                     "\xef\xbb\xbf"
                     "1,-2.5e-3\n3,inf\n"});
  return 0;
}

/// The first byte chooses the options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  io::CsvOptions options;
  options.missing = static_cast<io::Missing>(data[0] & 3);
  options.categories = static_cast<io::Categories>(data[0] >> 2 & 1);
  options.drop_bad_rows = data[0] >> 3 & 1;
  options.task = static_cast<io::Task>((data[0] >> 4 & 3) % 3);
  if (data[0] & 64) options.decimal = ',', options.delimiter = ';';
  if (data[0] & 128) options.target = "none";
  options.max_categories = 50;
  return fuzz::expect_result_or_error(data + 1, size - 1, [&](std::string_view text) {
    const io::Table table = io::parse_csv(text, options);
    if (table.x.size(0) != table.report.rows_read - table.report.rows_refused) __builtin_trap();
    if (static_cast<Index>(table.columns.size()) != table.x.size(1)) __builtin_trap();
  });
}
