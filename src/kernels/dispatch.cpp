#include "kernels/dispatch.hpp"

#include "base/isa.hpp"

extern "C" const gradus::kernels::Table gradus_kernels_v3, gradus_kernels_v4;

namespace gradus::kernels {
namespace {

constexpr Table baseline = table_of(AllCalls());

template <class... Calls>
void install(const Table& table, CallList<Calls...>) {
  std::size_t i = 0;
  (implementation<Calls>.store(table.execute[i++], std::memory_order_relaxed), ...);
}

}  // namespace

void choose_kernels() {
  const Isa level = isa();
  install(level == Isa::v4   ? gradus_kernels_v4
          : level == Isa::v3 ? gradus_kernels_v3
                             : baseline,
          AllCalls());
}

}  // namespace gradus::kernels
