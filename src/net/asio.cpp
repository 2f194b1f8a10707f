// What of Boost.Asio is not in its headers (BOOST_ASIO_SEPARATE_COMPILATION), compiled once.
#include <utility>  // which Boost 1.74 forgets

#include <boost/asio/impl/src.hpp>
