#include <string>

#include "base/isa.hpp"
#include "base/messages.hpp"
#include "gradus/runtime.hpp"
#include "kernels/products/blas.hpp"

namespace gradus {

std::string info() {
  const char* threading[] = {"one thread", "its own threads, of which one is used",
                             "OpenMP, of which one thread is used"};
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE … Haswell …"
  const std::string_view core = openblas_get_corename();
  std::string text = compose("gradus           ", version(), "\n");
  text += compose("instruction set  ", isa_name(), "\n");
  text += compose("BLAS             ", config.substr(0, config.find(' ', config.find(' ') + 1)),
                  " for ", core, ", ", threading[openblas_get_parallel()], "\n");
  text += compose("threads          ", num_threads(), "\n");
  text += compose("compiler         ", __VERSION__, "\n");
  text += compose("sanitizers       ", GRADUS_SANITIZERS, "\n");
  return text;
}

}  // namespace gradus
