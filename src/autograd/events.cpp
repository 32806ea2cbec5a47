#include "autograd/events.hpp"

namespace gradus::detail {

constinit thread_local Mode mode;

Drawn draw(Generator& generator, std::uint64_t count, bool replayable) {
  if (mode.observer) [[unlikely]]
    return mode.observer->draws(generator, count, replayable);
  return {generator.take(count)};
}

}  // namespace gradus::detail
