// The instruction set whose kernels run.
#pragma once
#include <cstdint>

namespace gradus {

/// Levels of x86-64 (v2: SSE4.2, v3: AVX2 and FMA, v4: AVX-512), or the one that all was compiled
/// for.
enum class Isa : std::uint8_t { compiled, v2, v3, v4 };

/// What this process uses: the best that was compiled and that the processor has, or what
/// GRADUS_ISA in the environment names. The same for the life of the process. Throws for a level
/// that is not there.
Isa isa();

/// Its name: "x86-64-v3", "native", …
const char* isa_name();

}  // namespace gradus
