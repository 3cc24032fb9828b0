# kafka-filter in a Consul service mesh. Not run here: written from Consul's reference of its wasm extension.
#
#     consul config write consul.hcl
#
# For all services; in a service-defaults entry, for one. Rejected configuration shows in the proxy's log.
Kind = "proxy-defaults"
Name = "global"
EnvoyExtensions = [
  {
    Name = "builtin/wasm"
    # A proxy that the extension does not fit is left as it is.
    Required = false
    Arguments = {
      Protocol     = "tcp"
      # "outbound" for clients, "inbound" for brokers: one entry for each side that is to be counted.
      ListenerType = "outbound"
      PluginConfig = {
        Name   = "kafka_filter"
        RootID = "kafka_filter"
        VmConfig = {
          Runtime = "v8"
          Code = {
            # On the disk of every proxy; Remote with SHA256 fetches it instead.
            Local = { Filename = "/etc/kafka-filter/kafka_filter.wasm" }
          }
        }
        Configuration = "{}"
      }
    }
  }
]
