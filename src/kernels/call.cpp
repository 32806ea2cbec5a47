#include "kernels/call.hpp"

namespace gradus::kernels {

constinit thread_local Listener* listener = nullptr;

Description& Description::add(const char* name, Operand::Access access, const void* data, DType t,
                              Index n, Index stride) {
  const auto element = static_cast<std::uint32_t>(size_of(t));
  if (data != nullptr)
    operands.push_back({name, access, stride == 0, element, static_cast<const std::byte*>(data),
                        element * static_cast<std::size_t>(stride == 0 ? 1 : n)});
  return *this;
}

Description& Description::add(const char* name, double value) {
  numbers.push_back({name, value});
  return *this;
}

void run_heard(const Kind& kind, const void* call) {
  listener->hear(kind, call);
  const Unheard part;
  kind.execute(call);
}

}  // namespace gradus::kernels
