#include "base/isa.hpp"

#include <cstdlib>
#include <string>

#include "base/messages.hpp"

#if GRADUS_DISPATCH
#include <cpuid.h>
#endif

namespace gradus {

#if GRADUS_DISPATCH
namespace {

constexpr const char* names[] = {"", "x86-64-v2", "x86-64-v3", "x86-64-v4"};

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
  explicit Registers(unsigned leaf) { __get_cpuid_count(leaf, 0, &a, &b, &c, &d); }
};

constexpr unsigned bits(std::initializer_list<int> which) {
  unsigned mask = 0;
  for (const int bit : which) mask |= 1U << bit;
  return mask;
}

/// Which vector registers the system saves when it switches between threads.
unsigned saved_registers() {
  if (!(Registers(1).c & bits({27}))) return 0;  // OSXSAVE
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// The best level that the processor and the system have.
Isa best() {
  const auto has = [](unsigned set, unsigned wanted) { return (set & wanted) == wanted; };
  const unsigned saved = saved_registers();
  const unsigned features = Registers(1).c, more = Registers(7).b,
                 extended = Registers(0x80000001).c;
  // FMA, MOVBE, AVX, F16C; BMI, AVX2, BMI2; LZCNT; registers of 256 bits
  if (!has(features, bits({12, 22, 28, 29})) || !has(more, bits({3, 5, 8})) ||
      !has(extended, bits({5})) || !has(saved, bits({1, 2})))
    return Isa::v2;
  // AVX-512 F, DQ, CD, BW, VL; masks, upper halves, upper registers
  if (!has(more, bits({16, 17, 28, 30, 31})) || !has(saved, bits({5, 6, 7}))) return Isa::v3;
  return Isa::v4;
}

Isa choose() {
  const Isa most = best();
  const char* wanted = std::getenv("GRADUS_ISA");
  if (wanted == nullptr || *wanted == '\0') return most;
  for (const Isa level : {Isa::v2, Isa::v3, Isa::v4}) {
    const std::string_view name = names[static_cast<int>(level)];
    if (wanted != name && wanted != name.substr(name.size() - 2)) continue;
    if (level > most)
      fail("GRADUS_ISA", name, " was asked for; this processor has ", names[static_cast<int>(most)],
           " at most; leave GRADUS_ISA unset for the best that it has");
    return level;
  }
  fail("GRADUS_ISA", printable(wanted),
       " was given; x86-64-v2, x86-64-v3 or x86-64-v4 is required, or leave it unset for the best "
       "that the processor has");
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

const char* isa_name() { return names[static_cast<int>(isa())]; }

#else

Isa isa() { return Isa::compiled; }

const char* isa_name() { return GRADUS_ISA_NAME; }

#endif

}  // namespace gradus
