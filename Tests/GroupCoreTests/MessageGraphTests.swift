import ChatProtocol
import GroupCore
import Testing

/// Gaps and forks in the order of a group's messages.
@Suite struct MessageGraphTests {
    private let a = memberID([UInt8](repeating: 1, count: 8))
    private let b = memberID([UInt8](repeating: 2, count: 8))
    private let c = memberID([UInt8](repeating: 3, count: 8))

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func parent(_ member: MemberID, _ number: UInt64, _ text: String) -> MessageParent {
        MessageParent(member: member, message: number, hash: MessageGraph.hash(bytes(text)))
    }

    @Test func oneAfterTheOther() throws {
        var graph = MessageGraph()
        #expect(graph.parents.isEmpty)
        #expect(graph.record(from: a, number: 1, parents: [], message: bytes("1")).isEmpty)
        #expect(graph.parents == [parent(a, 1, "1")])
        #expect(graph.record(from: b, number: 7, parents: graph.parents, message: bytes("2")).isEmpty)
        #expect(graph.parents == [parent(b, 7, "2")])
        #expect(graph.record(from: b, number: 7, parents: [], message: bytes("2")) == [.repeated])
        #expect(graph.record(from: b, number: 7, parents: [], message: bytes("x")) == [.contradicts(b, number: 7)])
        #expect(try MessageGraph(checkpoint: graph.checkpoint()) == graph)
    }

    @Test func aForkAndItsEnd() throws {
        var graph = MessageGraph()
        _ = graph.record(from: a, number: 1, parents: [], message: bytes("1"))
        let start = graph.parents
        #expect(graph.record(from: b, number: 1, parents: start, message: bytes("left")).isEmpty)
        #expect(graph.record(from: c, number: 1, parents: start, message: bytes("right")) == [.fork(heads: 2)])
        #expect(graph.parents == [parent(b, 1, "left"), parent(c, 1, "right")])
        #expect(graph.record(from: a, number: 2, parents: graph.parents, message: bytes("both")) == [.joined])
        #expect(graph.parents == [parent(a, 2, "both")])
    }

    @Test func moreParentsThanAMessageHasAreNotTaken() throws {
        var graph = MessageGraph()
        let invented = (1...200).map { parent(b, $0, "\($0)") }
        let findings = graph.record(from: a, number: 1, parents: invented, message: bytes("1"))
        #expect(findings == (1...UInt64(MessageGraph.mostParents)).map { .gap(b, number: $0) })
    }

    @Test func aGapAndItsEnd() throws {
        var graph = MessageGraph()
        _ = graph.record(from: a, number: 1, parents: [], message: bytes("1"))
        let missed = parent(a, 2, "2")
        #expect(
            graph.record(from: b, number: 1, parents: [missed], message: bytes("3")) == [
                .gap(a, number: 2), .fork(heads: 2),
            ])
        #expect(graph.missing.map(\.number) == [2])
        graph = try MessageGraph(checkpoint: graph.checkpoint())
        let start = [parent(a, 1, "1")]
        #expect(
            graph.record(from: a, number: 2, parents: start, message: bytes("2")) == [
                .filled(a, number: 2), .joined,
            ])
        #expect(graph.missing.isEmpty)
        #expect(graph.parents == [parent(b, 1, "3")])
    }

    @Test func aParentWithOtherBytes() {
        var graph = MessageGraph()
        _ = graph.record(from: a, number: 1, parents: [], message: bytes("to me"))
        let seen = parent(a, 1, "to b")
        #expect(graph.record(from: b, number: 1, parents: [seen], message: bytes("2")) == [.wrongParent(a, number: 1)])
        // It comes later, and is not what was seen.
        let other = parent(c, 4, "to b")
        _ = graph.record(from: b, number: 2, parents: [other], message: bytes("3"))
        #expect(
            graph.record(from: c, number: 4, parents: [], message: bytes("to me")).contains(.wrongParent(c, number: 4)))
    }

    /// Who has just joined does not miss what was said before.
    @Test func beforeOurTime() {
        var graph = MessageGraph()
        _ = graph.record(from: a, number: 40, parents: [], message: bytes("40"))
        let before = [parent(a, 39, "39"), parent(b, 6, "6")]
        #expect(graph.record(from: c, number: 1, parents: before, message: bytes("1")).contains(.gap(b, number: 6)))
        _ = graph.record(from: b, number: 7, parents: [], message: bytes("7"))
        #expect(graph.missing.isEmpty)
    }

    /// As it travels: the parents stand in x.dag, and are part of what is hashed.
    @Test func onTheWire() throws {
        var (mine, theirs) = (MessageGraph(), MessageGraph())
        for number in 1...3 as ClosedRange<Int64> {
            let text = ChatEvent.newMessage(NewMessage(text: "\(number)"))
            let sent = try GroupMessage(text, id: number, parents: mine.parents).message().encoded()
            let message = try ChatMessage(parsing: sent)
            #expect(message.parents == mine.parents)
            for findings in [
                mine.record(from: a, number: UInt64(number), parents: mine.parents, message: sent),
                theirs.record(from: a, number: UInt64(number), parents: message.parents, message: sent),
            ] {
                #expect(findings.isEmpty)
            }
            #expect(mine == theirs)
        }
    }

    @Test func onlySoManyAreKept() throws {
        var graph = MessageGraph()
        for number in 1...UInt64(MessageGraph.window * 2) {
            let findings = graph.record(
                from: a, number: number, parents: graph.parents, message: bytes("\(number)"))
            #expect(findings.isEmpty)
        }
        let size = graph.checkpoint().count
        #expect(size < MessageGraph.window * 33)
        // Forgotten is not missed.
        let old = graph.record(from: b, number: 1, parents: [parent(a, 1, "1")], message: bytes("b"))
        #expect(old == [.fork(heads: 2)])
        var hostile = MessageGraph()
        for number in 1...UInt64(1000) {
            _ = hostile.record(from: a, number: number, parents: [parent(c, number, "")], message: bytes("\(number)"))
        }
        #expect(hostile.missing.count == MessageGraph.mostMissing)
        #expect(hostile.parents.count <= MessageGraph.mostParents)
    }
}
