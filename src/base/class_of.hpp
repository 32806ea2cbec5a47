#pragma once

#include <cstring>
#include <typeinfo>

namespace gradus {

/// The class of an object; null where a program that was compiled without type information
/// (-fno-rtti) made it: typeid and dynamic_cast would crash.
template <class T>
const std::type_info* class_of(const T& object) {
  const std::type_info* const* functions;  // before the virtual functions stands the type
  std::memcpy(&functions, static_cast<const void*>(&object), sizeof(functions));
  return functions[-1];
}

/// The object as what it may be; null if it is not, or if that cannot be known.
template <class To, class From>
To* as(From& object) {
  return class_of(object) ? dynamic_cast<To*>(&object) : nullptr;
}

}  // namespace gradus
