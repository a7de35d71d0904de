import NIOCore
import Primitives
import Testing

@testable import SMPRelay

/// What operators see and change: counters, limits, draining, settings, the status pages.
@Suite struct OperationsTests {
    @Test func whatHappensIsCounted() throws {
        var limits = QueueLimits()
        limits.messagesPerQueue = 2
        let relay = try CoreHarness(limits: limits)
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queue = try #require(relay.make(on: recipient))
        for text in ["one", "four", "too many", "still"] { _ = relay.send(text, to: queue, on: sender) }
        #expect(relay.drain(queue, on: recipient).count == 3)
        _ = relay.receive(.delete, queue, on: recipient)
        var expected = RelayCounters()
        expected.connections = 2
        (expected.queuesMade, expected.queuesDeleted) = (1, 1)
        (expected.messagesReceived, expected.bytesReceived) = (2, 7)
        // The marker is delivered and acknowledged as a message.
        (expected.messagesDelivered, expected.messagesAcknowledged) = (3, 3)
        expected.refusals = [.queueFull: 2]
        #expect(relay.core.counters == expected)
    }

    @Test func expiryIsCounted() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        _ = relay.send("old", to: queue, on: connection)
        relay.now += 200 * 86400
        _ = relay.core.sweep(10, now: relay.now)
        #expect(relay.core.counters.messagesExpired == 1 && relay.core.counters.queuesExpired == 1)
        #expect(relay.core.status.queues == 0 && relay.core.status.storedBytes == 0)
    }

    @Test func aDrainingRelayMakesNoQueuesAndDeliversOn() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        relay.core.isDraining = true
        #expect(relay.make(on: connection) == nil)
        #expect(relay.send("on", to: queue, on: connection).isOK)
        #expect(relay.drain(queue, on: connection) == ["on"])
        #expect(relay.core.counters.refusals == [.draining: 1])
        relay.core.isDraining = false
        #expect(relay.make(on: connection) != nil)
    }

    @Test func limitsChangeWithoutARestart() throws {
        var limits = QueueLimits()
        (limits.messagesPerQueue, limits.newQueuesPerHour) = (1, 1)
        let relay = try CoreHarness(limits: limits)
        let connection = relay.connect(1, address: [192, 0, 2, 1])
        let queue = try #require(relay.make(on: connection))
        #expect(relay.make(on: connection) == nil)
        #expect(relay.send("1", to: queue, on: connection).isOK)
        (limits.messagesPerQueue, limits.newQueuesPerHour) = (2, 7200)
        relay.core.apply(limits)
        #expect(relay.send("2", to: queue, on: connection).isOK)
        // Two a second now; none were left of the old allowance.
        relay.now += 1
        #expect(relay.make(on: connection) != nil)
        limits.storedBytesPerAddress = 16384
        relay.core.apply(limits)
        #expect(relay.send("3", to: queue, on: connection).refusal == .quota)
        #expect(relay.core.counters.refusals == [.newQueues: 1, .queueFull: 1])
    }

    @Test func settingsAreReadByName() throws {
        var settings = RelaySettings()
        for (name, value) in [
            ("listen", "[::1]:443"), ("metrics", "127.0.0.1:0"), ("drain", "true"), ("queue-messages", "100"),
            ("total-size", "2G"), ("message-lifetime", "7d"), ("idle-queue-lifetime", "30d"),
            ("new-queues-per-hour", "50"), ("stored-per-network", "300M"), ("connections", "10"),
            ("handshake-timeout", "5s"), ("idle-timeout", "2h"),
        ] { try settings.set(named: name, to: value) }
        #expect(settings.listen == .init(host: "::1", port: 443))
        var configuration = RelayConfiguration(directory: "/nowhere")
        settings.apply(to: &configuration)
        #expect(configuration.statusAddress == .init(host: "127.0.0.1", port: 0) && configuration.isDraining)
        #expect(configuration.messagesPerQueue == 100 && configuration.totalBytes == 2 << 30)
        #expect(configuration.messageLifetimeInDays == 7 && configuration.idleQueueLifetimeInDays == 30)
        #expect(configuration.newQueuesPerHourAndAddress == 50 && configuration.storedBytesPerAddress == 300 << 20)
        #expect(configuration.connectionLimit == 10)
        #expect(configuration.handshakeTimeout == .seconds(5) && configuration.idleTimeout == .hours(2))
        #expect(RelaySettings().restartsWanted(after: settings) == [.listen, .metrics])
    }

    @Test(
        arguments: [
            ("listen", "5223"), ("listen", "host:port"), ("listen", "host:70000"), ("host", ""), ("drain", "yes"),
            ("queue-messages", "0"), ("queue-messages", "many"), ("total-size", "10"), ("total-size", "G"),
            ("message-lifetime", "5"), ("message-lifetime", "12h"), ("idle-timeout", "0s"), ("idle-timeout", "1w"),
            ("quota", "5"),
        ])
    func whatCannotBeMeantIsNamed(name: String, value: String) throws {
        var settings = RelaySettings()
        do {
            try settings.set(named: name, to: value)
            Issue.record("taken")
        } catch { #expect(error.message.contains(name)) }
        #expect(settings == RelaySettings())
    }

    @Test func aHistogramAddsUp() {
        var histogram = Histogram(bounds: [0.1, 1])
        for seconds in [0.05, 0.1, 0.5, 7] { histogram.observe(seconds) }
        #expect(histogram.counts == [2, 3] && histogram.total == 4 && histogram.sum == 7.65)
        var text = MetricsText()
        text.histogram("time", "Time.", histogram)
        #expect(
            text.text == """
                # HELP time Time.
                # TYPE time histogram
                time_bucket{le="0.1"} 2
                time_bucket{le="1.0"} 3
                time_bucket{le="+Inf"} 4
                time_sum 7.65
                time_count 4

                """)
    }

    @Test func labelsAreEscaped() {
        var text = MetricsText()
        text.gauge("info", "Info.", 1, labels: [("version", "a\"b\\c\nd")])
        #expect(text.text.hasSuffix("info{version=\"a\\\"b\\\\c\\nd\"} 1\n"))
    }

    @Test(
        arguments: [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/metrics"),
            ("HEAD /healthz?a=b HTTP/1.0\n\n", "HEAD", "/healthz"),
        ])
    func requestsAreRead(text: String, method: String, path: String) {
        #expect(StatusRequest.read(text.utf8) == .request(StatusRequest(method: method, path: path)))
        for count in 0..<(text.utf8.count - 1) {
            #expect(StatusRequest.read(Array(text.utf8.prefix(count))) == .incomplete)
        }
    }

    @Test(
        arguments: [
            "\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET metrics HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET /\u{7f} HTTP/1.1\r\n\r\n", " / HTTP/1.1\n\n", "GET / HTTP/2\n\n", String(repeating: "x", count: 9000),
        ])
    func whatIsNoRequestIsRefused(text: String) { #expect(StatusRequest.read(text.utf8) == .malformed) }

    @Test func anyBytesAreReadOrRefused() {
        var generator = SystemRandomNumberGenerator()
        let pieces: [[UInt8]] = ["GET ", "/metrics", " HTTP/1.1", "\r\n", "\n", "?", "\u{0}", " "].map {
            Array($0.utf8)
        }
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<12, using: &generator) {
                bytes += pieces.randomElement(using: &generator) ?? []
                if Bool.random(using: &generator) { bytes.append(.random(in: 0...255, using: &generator)) }
            }
            if case .request(let request) = StatusRequest.read(bytes) {
                #expect(request.path.hasPrefix("/") && !request.method.isEmpty, "\(bytes)")
            }
        }
    }
}
