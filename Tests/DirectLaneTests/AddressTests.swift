import Testing

@testable import DirectLane

/// Which addresses are offered and dialled.
@Suite struct AddressTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "255.255.255.255", "::1", "2001:db8::1", "fe80::1",
    ])
    func `a literal reads and prints`(text: String) throws {
        #expect(try address(text).description == text)
    }

    @Test(arguments: [
        "", "localhost", "127.1", "1.2.3.4.5", "::g", "[::1]", "fe80::1%eth0", "0x7f000001", "127.0.0.1 ",
    ])
    func `anything else does not`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `an IPv4 address in IPv6 is an IPv4 address`() throws {
        #expect(try address("::ffff:127.0.0.1") == address("127.0.0.1"))
        #expect(try address("::ffff:8.8.8.8").isPrivate == false)
    }

    @Test func `kinds`() throws {
        for text in ["127.0.0.1", "127.255.0.1", "::1"] { #expect(try address(text).isLoopback) }
        for text in ["128.0.0.1", "::2"] { #expect(try !address(text).isLoopback) }
        for text in ["10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.9.9", "100.64.0.1", "fd00::1", "fc12::1"] {
            #expect(try address(text).isPrivate)
        }
        for text in ["11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1", "8.8.8.8"] {
            #expect(try !address(text).isPrivate)
        }
        for text in ["0.0.0.0", "0.1.2.3", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "fe80::1"] {
            #expect(try !address(text).isUsable)
        }
    }

    private func network(_ interfaces: [(String, Int)]) throws -> LocalNetwork {
        LocalNetwork(
            interfaces: try interfaces.map { LocalNetwork.Interface(address: try address($0.0), prefixLength: $0.1) })
    }

    @Test func `private addresses are offered before loopback, public ones only when asked for`() throws {
        let network = try network([
            ("127.0.0.1", 8), ("::1", 128), ("192.168.1.5", 24), ("203.0.113.7", 24), ("fd00::5", 64), ("fe80::1", 64),
        ])
        #expect(
            network.addressesToOffer(offersPublic: false, limit: 8).map(\.description)
                == ["192.168.1.5", "fd00::5", "127.0.0.1", "::1"])
        #expect(
            network.addressesToOffer(offersPublic: true, limit: 2).map(\.description) == ["192.168.1.5", "203.0.113.7"])
    }

    @Test func `loopback and our subnets are dialled, the rest only when asked for, low ports never`() throws {
        let network = try network([("127.0.0.1", 8), ("192.168.1.5", 24), ("fd00::5", 64)])
        func may(_ text: String, _ port: UInt16 = 4000, dialsPublic: Bool = false) throws -> Bool {
            network.mayDial(Endpoint(address: try address(text), port: port), dialsPublic: dialsPublic)
        }
        for text in ["127.0.0.1", "::1", "192.168.1.200", "fd00::99"] { #expect(try may(text)) }
        for text in ["192.168.2.1", "10.0.0.1", "8.8.8.8", "fd01::1", "2001:db8::1"] {
            #expect(try !may(text))
            #expect(try may(text, dialsPublic: true))
        }
        for text in ["0.0.0.0", "169.254.169.254", "224.0.0.1", "ff02::1", "fe80::1"] {
            #expect(try !may(text, dialsPublic: true))
        }
        #expect(try !may("127.0.0.1", 1023, dialsPublic: true))
        #expect(try may("127.0.0.1", 1024))
    }

    @Test func `this machine has a loopback address`() {
        #expect(LocalNetwork.current().addressesToOffer(offersPublic: false, limit: 8).contains { $0.isLoopback })
    }
}
