// Reads a file of XML into a document, counts its elements in maps, and keeps all of it.
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tinyxml2.h>
#include <unordered_map>
#include <vector>

#include "refgraph.h"

struct Count {
	int elements = 0;
	std::vector<int> depths;
};
struct Visit : tinyxml2::XMLVisitor {
	std::map<std::string, Count> counts;
	std::unordered_map<int, std::string> names;
	std::list<const tinyxml2::XMLElement *> order;
	std::set<long> lines;
	std::vector<std::unique_ptr<Count>> parts;
	int depth = 0;
	bool VisitEnter(const tinyxml2::XMLElement &e, const tinyxml2::XMLAttribute *) override
	{
		Count &c = counts[e.Name()];
		c.elements++;
		c.depths.push_back(++depth);
		names[e.GetLineNum()] = e.Name();
		order.push_back(&e);
		lines.insert(e.GetLineNum());
		parts.push_back(std::make_unique<Count>());
		return true;
	}
	bool VisitExit(const tinyxml2::XMLElement &) override
	{
		depth--;
		return true;
	}
};

tinyxml2::XMLDocument *document;
Visit *visit;

int main(int argc, char **argv)
{
	document = new tinyxml2::XMLDocument;
	if (document->LoadFile(argv[1]))
		return 1;
	visit = new Visit;
	document->Accept(visit);
	refgraph_snapshot("truth");
	return 0;
}
