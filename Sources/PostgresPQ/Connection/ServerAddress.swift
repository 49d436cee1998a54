import CLibPQ
import Foundation

/// One place where a server may be: a host, an address of it, and a port, each as libpq takes it; nil where libpq decides.
struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    var host: String?
    var hostaddr: String?
    var port: String?

    init(host: String?, hostaddr: String?, port: String?) {
        self.host = host
        self.hostaddr = hostaddr
        self.port = port
    }

    init(_ settings: [String: String]) {
        self.init(host: settings["host"], hostaddr: settings["hostaddr"], port: settings["port"])
    }

    /// `settings` with this address in place of theirs.
    func applied(to settings: [String: String]) -> [String: String] {
        var settings = settings
        for (keyword, value) in [("host", host), ("hostaddr", hostaddr), ("port", port)] {
            if let value { settings[keyword] = value }
        }
        return settings
    }

    var description: String {
        let port = port.map { " port \($0)" } ?? ""
        guard let hostaddr, hostaddr != host else { return "server at \"\(host ?? "")\"\(port)" }
        return "server at \"\(host ?? "")\" (\(hostaddr))\(port)"
    }

    /// It is a name, which stands for any number of addresses.
    var isName: Bool {
        guard hostaddr == nil, let host, let first = host.first else { return false }
        return first != "/" && first != "@"
    }

    /// The addresses that the name stands for; itself where it is none, or cannot be looked up: then libpq says why.
    ///
    /// It blocks its thread, for as long as the system takes.
    func lookedUp() -> [ServerAddress] {
        guard isName, let host else { return [self] }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if os(Linux)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [self] }
        defer { freeaddrinfo(first) }
        var found: [ServerAddress] = []
        var next = first
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(text.count)
            if getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, length, nil, 0, NI_NUMERICHOST) == 0
            {
                let numeric = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                found.append(ServerAddress(host: host, hostaddr: numeric, port: port))
            }
            next = entry.pointee.ai_next
        }
        return found.isEmpty ? [self] : found
    }

    /// The places that a connection string names, in its order.
    ///
    /// One for libpq to make sense of where it does not fit together, or where a service file may name them.
    static func list(in settings: [String: String]) -> [ServerAddress] {
        if settings["service"] != nil || ProcessInfo.processInfo.environment["PGSERVICE"] != nil {
            return [ServerAddress(settings)]
        }
        let settings = settings.merging(environment) { own, _ in own }
        let hosts = entries(settings["host"])
        let addresses = entries(settings["hostaddr"])
        let ports = entries(settings["port"])
        let count = max(hosts.count, addresses.count)
        guard count > 1, hosts.isEmpty || hosts.count == count, addresses.isEmpty || addresses.count == count,
            ports.count <= 1 || ports.count == count
        else { return [ServerAddress(settings)] }
        return (0..<count).map { index in
            ServerAddress(
                host: entry(index, of: hosts), hostaddr: entry(index, of: addresses),
                port: ports.count == 1 ? ports[0] : entry(index, of: ports))
        }
    }

    private static func entries(_ list: String?) -> [String] {
        guard let list, !list.isEmpty else { return [] }
        return list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    private static func entry(_ index: Int, of list: [String]) -> String? {
        index < list.count ? list[index] : nil
    }

    /// What libpq takes from `PGHOST` and the like where the connection string does not say.
    private static var environment: [String: String] {
        let names = ["host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT"]
        return names.compactMapValues { ProcessInfo.processInfo.environment[$0] }
    }
}
